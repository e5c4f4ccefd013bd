"""A class as a head sees it: what it rests on, where its images lie, what it is confused with."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pandas as pd

from data.queries.carried import CARRIED, NAMED, TAKEN
from data.queries.records import records


@dataclass(frozen=True, slots=True)
class Explanation:
    """A head's class over the images that the head takes for it; logit, fixed and bias in logits.

    A row of the table `explanation` and the class's bias."""

    head_id: int
    class_id: int
    n: int
    """those images, of all splits"""
    logit: float
    """mean over them"""
    fixed: float
    """the part of it that no concept brings: bias and each image's rest"""
    n_concepts: int
    """that contribute to at least one of them"""
    layout: str
    variance: float | None
    """share of the contributions' variance that the layout keeps, 0..1; None: they do not vary"""
    bias: float


def classes(con: duckdb.DuckDBPyConnection, head_id: int) -> pd.DataFrame:
    """class_id, name, n_labelled images and n_predicted (by the head) of the head's classes."""
    return con.execute(
        f"""
        SELECT class_id::BIGINT AS class_id, class.name,
            (SELECT count(*) FROM {CARRIED} AS carried
             WHERE carried.class_id = class.class_id) AS n_labelled,
            (SELECT count(*) FROM {TAKEN} AS taken
             WHERE taken.head_id = $head_id AND taken.class_id = class.class_id) AS n_predicted
        FROM head_bias JOIN class USING (class_id)
        WHERE head_id = $head_id ORDER BY class_id
        """,
        {"head_id": head_id},
    ).df()


def explanation(con: duckdb.DuckDBPyConnection, head_id: int, class_id: int) -> Explanation | None:
    """None where no image is taken for the class."""
    rows = records(
        con,
        Explanation,
        """
        SELECT explanation.*, bias FROM explanation JOIN head_bias USING (head_id, class_id)
        WHERE head_id = $head_id AND class_id = $class_id
        """,
        {"head_id": head_id, "class_id": class_id},
    )
    return rows[0] if rows else None


def importances(
    con: duckdb.DuckDBPyConnection, head_id: int, class_id: int, *, method: str = "linear"
) -> pd.DataFrame:
    """concept_id, name, value, share, n, the largest share first."""
    return con.execute(
        """
        SELECT importance.concept_id::BIGINT AS concept_id, concept.name, value, share, n
        FROM importance JOIN head USING (head_id)
        JOIN concept ON concept.bank_id = head.bank_id
            AND concept.concept_id = importance.concept_id
        WHERE head_id = $head_id AND class_id = $class_id AND importance.method = $method
        ORDER BY share DESC, concept_id
        """,
        {"head_id": head_id, "class_id": class_id, "method": method},
    ).df()


def cluster(con: duckdb.DuckDBPyConnection, head_id: int, class_id: int) -> pd.DataFrame:
    """Images that the head takes for the class: x, y, concept_id (-1: none) with its name, value,
    thumb, file, split, label and whether that is the class (NULL: the head does not know it)."""
    return con.execute(
        f"""
        SELECT image_id::BIGINT AS image_id, x, y, coalesce(cluster.concept_id::BIGINT, -1)
            AS concept_id, concept.name, value, thumb, file, split, class.name AS label,
            CASE WHEN image.class_id IN (SELECT class_id FROM head_bias WHERE head_id = $head_id)
                 THEN image.class_id = cluster.class_id
                 ELSE (SELECT present FROM image_class
                       WHERE image_class.image_id = cluster.image_id
                         AND image_class.class_id = cluster.class_id) END AS correct
        FROM cluster JOIN head USING (head_id) JOIN image USING (image_id)
        JOIN picture USING (image_id)
        LEFT JOIN concept ON concept.bank_id = head.bank_id
            AND concept.concept_id = cluster.concept_id
        LEFT JOIN {NAMED} AS class USING (image_id)
        WHERE head_id = $head_id AND cluster.class_id = $class_id
        ORDER BY image_id
        """,
        {"head_id": head_id, "class_id": class_id},
    ).df()


def confusions(con: duckdb.DuckDBPyConnection, head_id: int, class_id: int) -> pd.DataFrame:
    """split, label_id, label, predicted_id, predicted, n images, of the labelled images that carry
    the class or are taken for it; train and test first."""
    return con.execute(
        """
        WITH pair AS (
            SELECT split, image.class_id::BIGINT AS label_id, label.name AS label,
                guess.class_id::BIGINT AS predicted_id, predicted.name AS predicted
            FROM image JOIN head_prediction AS guess USING (image_id)
            JOIN class AS label ON label.class_id = image.class_id
            JOIN class AS predicted ON predicted.class_id = guess.class_id
            WHERE guess.head_id = $head_id
              AND (image.class_id = $class_id OR guess.class_id = $class_id)
        ),
        counted AS (SELECT *, count(*) AS n FROM pair GROUP BY ALL)
        FROM counted
        ORDER BY list_position(['train', 'val', 'test'], split) NULLS LAST, split, n DESC,
            label_id, predicted_id
        """,
        {"head_id": head_id, "class_id": class_id},
    ).df()


def confused(
    con: duckdb.DuckDBPyConnection, head_id: int, class_id: int, *, most: int = 12
) -> pd.DataFrame:
    """Images of the class taken for another, and of another of the head's classes taken for it,
    the surest first:
    missed, image_id, file, split, label, predicted, prob, thumb and view box."""
    return con.execute(
        """
        SELECT image.class_id = $class_id AS missed, image_id::BIGINT AS image_id, file, split,
            label.name AS label, predicted.name AS predicted, prob, thumb,
            view_x0, view_y0, view_x1, view_y1
        FROM image JOIN head_prediction AS guess USING (image_id) JOIN picture USING (image_id)
        JOIN class AS label ON label.class_id = image.class_id
        JOIN class AS predicted ON predicted.class_id = guess.class_id
        WHERE guess.head_id = $head_id AND image.class_id <> guess.class_id
          AND image.class_id IN (SELECT class_id FROM head_bias WHERE head_id = $head_id)
          AND (image.class_id = $class_id OR guess.class_id = $class_id)
        QUALIFY row_number() OVER (PARTITION BY missed ORDER BY prob DESC, image_id) <= $most
        ORDER BY missed DESC, prob DESC, image_id
        """,
        {"head_id": head_id, "class_id": class_id, "most": most},
    ).df()


def dominance(con: duckdb.DuckDBPyConnection, head_id: int) -> pd.DataFrame:
    """concept_id, name, split, n, prevalence, n_labelled, reliability; often dominant first."""
    return con.execute(
        """
        SELECT dominance.concept_id::BIGINT AS concept_id, concept.name, split, n, prevalence,
            n_labelled, reliability
        FROM dominance JOIN head USING (head_id)
        JOIN concept ON concept.bank_id = head.bank_id
            AND concept.concept_id = dominance.concept_id
        WHERE head_id = $head_id
        ORDER BY list_position(['train', 'val', 'test'], split) NULLS LAST, split, n DESC,
            concept_id
        """,
        {"head_id": head_id},
    ).df()


def fidelity(con: duckdb.DuckDBPyConnection, head_id: int) -> pd.DataFrame:
    """method, metric, value, random, control (NaN: none), n."""
    return con.execute(
        """
        SELECT method, metric, value, random, control, n FROM fidelity
        WHERE head_id = $head_id ORDER BY metric, method
        """,
        {"head_id": head_id},
    ).df()


def same(con: duckdb.DuckDBPyConnection, head_id: int) -> pd.DataFrame:
    """method, same_as, difference, n of the methods that gave what a stored one gives."""
    return con.execute(
        """
        SELECT method, same_as, difference, n FROM same_importance
        WHERE head_id = $head_id ORDER BY method
        """,
        {"head_id": head_id},
    ).df()
