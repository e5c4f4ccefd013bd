"""All that is known of one concept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from data.queries.carried import NAMED
from data.queries.records import records


@dataclass(frozen=True, slots=True)
class Concept:
    """A row of the table `concept`, where units and ranges are told, and its labels' names."""

    bank_id: int
    concept_id: int
    name: str | None
    name_source: str
    """of core.kinds.NameSource"""
    labelled_id: int | None
    name_auc: float | None
    name_iou: float | None
    name_iou_chance: float | None
    name_iou_best: float | None
    name_iou_n: int | None
    name_n: int | None
    second_id: int | None
    second_auc: float | None
    name_margin: float | None
    place_margin: float | None
    doubt: str
    hint: str
    """what stands out of it; "": nothing"""
    train_accuracy: float | None
    test_accuracy: float | None
    train_auc: float | None
    test_auc: float | None
    base_rate: float | None
    map_scale: float
    peak_p99: float
    n_active: int
    frequency: float
    density: float
    mean: float
    std: float
    score_min: float
    score_q05: float
    score_q25: float
    score_q50: float
    score_q75: float
    score_q95: float
    score_max: float
    present_q50: float | None
    absent_q50: float | None
    class_entropy: float | None
    position_entropy: float
    mean_map: tuple[float, ...]
    skew: float | None
    kurtosis: float | None
    class_share: float | None
    image_share: float | None
    separability: float | None
    separability_chance: float | None
    separability_n: int | None
    label_separability: float | None
    label_separability_chance: float | None
    label_separability_n: int | None
    border_share: float | None
    place_share: float | None
    nearest_cosine: float | None
    monosemanticity: float | None
    monosemanticity_chance: float | None
    monosemanticity_n: int
    map_r: float | None
    """correlation over images of the score with the mean of the map; None: the score is read from
    the map"""
    map_r_lo: float | None
    map_r_hi: float | None
    map_r_chance: float | None
    map_r_n: int | None
    flags: str
    umap_x: float | None
    umap_y: float | None
    label: str | None
    """name of labelled_id"""
    part: str | None
    """of the object that the label is about"""
    grouping: str | None
    """labels of which each image has one"""
    second: str | None
    """name of second_id"""


@dataclass(frozen=True, slots=True)
class Histogram:
    """Of a concept's scores over images."""

    lo: float
    hi: float
    counts: tuple[int, ...]
    """images per equal bin between lo and hi; the last bin includes its upper edge"""
    n_zero: int
    """images at exactly 0, in no bin"""


def concept(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> Concept | None:
    """None where it does not exist."""
    rows = records(
        con,
        Concept,
        """
        SELECT concept.*, label.name AS label, label.part, label.grouping, second.name AS second
        FROM concept
        LEFT JOIN labelled_concept label ON label.labelled_id = concept.labelled_id
        LEFT JOIN labelled_concept second ON second.labelled_id = concept.second_id
        WHERE bank_id = $bank_id AND concept_id = $concept_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    )
    return rows[0] if rows else None


def example_groups(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.DataFrame:
    """group_id, name, lo, hi, n, in the order shown."""
    return con.execute(
        """
        SELECT group_id, name, lo, hi, n FROM example_group
        WHERE bank_id = $bank_id AND concept_id = $concept_id ORDER BY group_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()


def examples(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.DataFrame:
    """The images kept for each group, with thumb, view box, label and the backbone's prediction.

    `correct` is NULL where the label is no output of the model.
    """
    return con.execute(
        f"""
        SELECT group_id, rank, image_id, score, peak, peak_token, file, split,
            class.name AS class, guess.name AS predicted, prob,
            CASE WHEN class.output IS NOT NULL
                 THEN image.class_id = prediction.class_id END AS correct,
            thumb, view_x0, view_y0, view_x1, view_y1
        FROM example JOIN image USING (image_id) JOIN picture USING (image_id)
        LEFT JOIN {NAMED} AS class USING (image_id)
        LEFT JOIN prediction USING (image_id)
        LEFT JOIN class guess ON guess.class_id = prediction.class_id
        WHERE bank_id = $bank_id AND concept_id = $concept_id
        ORDER BY group_id, rank, image_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()


def maps(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    pairs: Sequence[tuple[int, int]],
    *,
    n_tokens: int,
) -> dict[tuple[int, int], tuple[list[int] | None, list[int]]]:
    """Of each pair (concept, image) its (tokens, quantised values): value * map_scale = code.

    Tokens are None for a dense bank, whose values are all n_tokens.
    """
    rows = con.execute(
        """
        WITH pair AS (SELECT unnest($concepts) AS concept_id, unnest($images) AS image_id),
        -- the lists are ordered by concept: its entries stand together
        found AS (
            SELECT pair.*, concept, token, value, list_position(concept, concept_id) AS start,
                len(list_filter(concept, lambda c: c = concept_id)) AS n
            FROM pair JOIN code USING (image_id) WHERE bank_id = $bank_id
        )
        SELECT concept_id, image_id, concept IS NULL AS dense,
            CASE WHEN start IS NULL THEN [] ELSE token[start:start + n - 1] END AS token,
            CASE
                WHEN concept IS NULL
                THEN value[concept_id * $n_tokens + 1:(concept_id + 1) * $n_tokens]
                WHEN start IS NULL THEN [] ELSE value[start:start + n - 1]
            END AS value
        FROM found ORDER BY concept_id, image_id
        """,
        {
            "bank_id": bank_id,
            "concepts": [int(c) for c, _ in pairs],
            "images": [int(i) for _, i in pairs],
            "n_tokens": n_tokens,
        },
    ).fetchall()
    return {(c, i): (None if dense else token, value) for c, i, dense, token, value in rows}


def histogram(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> Histogram | None:
    """None where there is none."""
    rows = records(
        con,
        Histogram,
        """
        SELECT lo, hi, counts, n_zero FROM histogram
        WHERE bank_id = $bank_id AND concept_id = $concept_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    )
    return rows[0] if rows else None


def class_scores(
    con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int, *, limit: int = 200
) -> pd.DataFrame:
    """How the concept goes with each class, the largest |difference| first."""
    return con.execute(
        """
        SELECT class_id, class.name, n, mean, difference, auc
        FROM concept_class JOIN class USING (class_id)
        WHERE bank_id = $bank_id AND concept_id = $concept_id
        ORDER BY abs(difference) DESC, class_id
        LIMIT $limit
        """,
        {"bank_id": bank_id, "concept_id": concept_id, "limit": limit},
    ).df()


def weights(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.DataFrame:
    """Non-zero weights on the concept, of every head over the bank: head, class_id, weight."""
    return con.execute(
        """
        SELECT head_id, head.name AS head, class_id, weight
        FROM head_weight JOIN head USING (head_id)
        WHERE bank_id = $bank_id AND concept_id = $concept_id
        ORDER BY head_id, class_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()


def neighbours(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.DataFrame:
    """kind, rank, other_id, name, value, n, and the thumb of the other's strongest image."""
    return con.execute(
        """
        SELECT kind, neighbour.rank, other_id, concept.name, value, n, thumb
        FROM neighbour
        JOIN concept ON concept.bank_id = neighbour.bank_id AND concept.concept_id = other_id
        LEFT JOIN example ON example.bank_id = neighbour.bank_id
            AND example.concept_id = other_id AND group_id = 0 AND example.rank = 0
        LEFT JOIN picture USING (image_id)
        WHERE neighbour.bank_id = $bank_id AND neighbour.concept_id = $concept_id
        ORDER BY kind, neighbour.rank, other_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()


def label_scores(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.DataFrame:
    """Every labelled concept, the one that the scores tell apart best first.

    labelled_id, name, grouping, part, auc, n, iou, iou_chance, iou_best, iou_n.
    """
    return con.execute(
        """
        SELECT labelled_id, name, grouping, part, auc, n, iou, iou_chance, iou_best, iou_n
        FROM label_score JOIN labelled_concept USING (labelled_id)
        WHERE bank_id = $bank_id AND concept_id = $concept_id
        ORDER BY auc DESC, labelled_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()
