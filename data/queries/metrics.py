"""What heads, banks and concepts were measured by, beside chance and random directions."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pandas as pd

LOOKED_AT = 4
"""images of a concept"""


def measured(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Metrics of the backbone, banks and heads: the table's columns and `subject`, whose name."""
    return con.execute(
        """
        SELECT metric.*, coalesce(head.name, bank.name, 'backbone') AS subject
        FROM metric
        LEFT JOIN head ON head.head_id = metric.head_id
        LEFT JOIN bank ON bank.bank_id = metric.bank_id
        WHERE scope <> 'concept'
        ORDER BY metric.bank_id NULLS FIRST, metric.head_id NULLS FIRST, metric.name, variant,
            split
        """
    ).df()


def concept_metrics(con: duckdb.DuckDBPyConnection, bank_id: int) -> pd.DataFrame:
    """Names of the metrics that the bank's concepts have, with their number of concepts, n."""
    return con.execute(
        """
        SELECT name, count(DISTINCT concept_id) AS n FROM metric
        WHERE scope = 'concept' AND bank_id = $bank_id AND chance IS NOT NULL
        GROUP BY name ORDER BY name
        """,
        {"bank_id": bank_id},
    ).df()


def worst(con: duckdb.DuckDBPyConnection, bank_id: int, name: str, *, limit: int) -> pd.DataFrame:
    """Concepts of the smallest share of their chance first (cgim, which can be negative: furthest
    below it): concept_id, concept, part, value, chance, n, split, total (concepts measured).

    Several heads or settings measure a concept: the first head and the first setting count.
    """
    return con.execute(
        """
        WITH first AS (
            SELECT concept_id, value, chance, n, split,
                row_number() OVER (
                    PARTITION BY concept_id ORDER BY head_id, variant, split
                ) AS place
            FROM metric
            WHERE scope = 'concept' AND bank_id = $bank_id AND metric.name = $name
                AND chance IS NOT NULL
        )
        SELECT concept_id, concept.name AS concept, part, value, chance, n, split,
            map_scale, peak_p99, count(*) OVER () AS total
        FROM first
        JOIN concept USING (concept_id) LEFT JOIN labelled_concept USING (labelled_id)
        WHERE place = 1 AND bank_id = $bank_id
        ORDER BY CASE WHEN starts_with($name, 'cgim') THEN value - chance
                      ELSE value / nullif(chance, 0) END NULLS LAST, concept_id
        LIMIT $limit
        """,
        {"bank_id": bank_id, "name": name, "limit": limit},
    ).df()


def showing(
    con: duckdb.DuckDBPyConnection, bank_id: int, concept_ids: Sequence[int]
) -> pd.DataFrame:
    """Of each concept the held-out images of highest score that show its label; where no label of
    an image is known, the strongest of all. concept_id, image_id, score, file, thumb, view box."""
    return con.execute(
        """
        WITH candidate AS (
            SELECT concept_id, image_id, score, coalesce(present, FALSE) AS shown,
                split NOT IN ('train', 'val') AS held_out
            FROM score
            JOIN concept USING (bank_id, concept_id)
            JOIN image USING (image_id)
            LEFT JOIN image_label USING (image_id, labelled_id)
            WHERE bank_id = $bank_id AND concept_id IN $concepts
        ),
        ranked AS (
            SELECT concept_id, image_id, score, row_number() OVER (
                PARTITION BY concept_id ORDER BY shown DESC, held_out DESC, score DESC, image_id
            ) AS place
            FROM candidate
        )
        SELECT concept_id, image_id, score, file, thumb, view_x0, view_y0, view_x1, view_y1
        FROM ranked JOIN image USING (image_id) JOIN picture USING (image_id)
        WHERE place <= $looked_at
        ORDER BY concept_id, place
        """,
        {"bank_id": bank_id, "concepts": list(concept_ids), "looked_at": LOOKED_AT},
    ).df()


def n_image_labels(con: duckdb.DuckDBPyConnection) -> int:
    """Labels of concepts that are known of single images, present or not."""
    row = con.execute("SELECT count(*) FROM image_label").fetchone()
    return 0 if row is None else int(row[0])


def label_levels(con: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """The first bank fitted to labels of images and the first to labels of classes, of one method:
    bank_id, name, label_level, head_id (its first head's, or NULL). Empty without such a pair."""
    return con.execute(
        """
        WITH fitted AS (
            SELECT method, label_level, min(bank_id) AS bank_id FROM bank
            WHERE label_level IN ('image', 'class') GROUP BY ALL
        ),
        pair AS (
            SELECT method FROM fitted GROUP BY method HAVING count(*) = 2
            ORDER BY min(bank_id), method LIMIT 1
        )
        SELECT bank_id, bank.name, bank.label_level,
            (SELECT min(head_id) FROM head WHERE head.bank_id = fitted.bank_id) AS head_id
        FROM pair JOIN fitted USING (method) JOIN bank USING (bank_id)
        ORDER BY bank.label_level DESC, bank_id
        """
    ).df()
