"""All that is known of one concept."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pandas as pd


def concept(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.Series | None:
    """Everything about one concept with its label's name and part; None where it does not exist."""
    rows = con.execute(
        """
        SELECT concept.*, label.name AS label, label.part, label.grouping, second.name AS second
        FROM concept
        LEFT JOIN labelled_concept label ON label.labelled_id = concept.labelled_id
        LEFT JOIN labelled_concept second ON second.labelled_id = concept.second_id
        WHERE bank_id = $bank_id AND concept_id = $concept_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()
    return None if rows.empty else rows.iloc[0]


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
    """The images kept for each group, with thumb, view box, label and the backbone's prediction."""
    return con.execute(
        """
        SELECT group_id, rank, image_id, score, peak, peak_token, file, split,
            class.name AS class, guess.name AS predicted, prob,
            image.class_id = prediction.class_id AS correct,
            thumb, view_x0, view_y0, view_x1, view_y1
        FROM example JOIN image USING (image_id) JOIN picture USING (image_id)
        LEFT JOIN class ON class.class_id = image.class_id
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


def histogram(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.Series | None:
    """lo, hi, counts and n_zero; None where there is none."""
    rows = con.execute(
        """
        SELECT lo, hi, counts, n_zero FROM histogram
        WHERE bank_id = $bank_id AND concept_id = $concept_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()
    return None if rows.empty else rows.iloc[0]


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

    labelled_id, name, grouping, part, auc, n, iou, iou_chance, iou_n.
    """
    return con.execute(
        """
        SELECT labelled_id, name, grouping, part, auc, n, iou, iou_chance, iou_n
        FROM label_score JOIN labelled_concept USING (labelled_id)
        WHERE bank_id = $bank_id AND concept_id = $concept_id
        ORDER BY auc DESC, labelled_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()
