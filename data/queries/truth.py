"""What people have marked on an image: labelled concepts, part points, part masks."""

from __future__ import annotations

import duckdb
import pandas as pd


def image_labels(con: duckdb.DuckDBPyConnection, bank_id: int, image_id: int) -> pd.DataFrame:
    """labelled_id, name, grouping, part, present, and concept_id, score of the bank's concept that
    was fitted to the label (NULL: none was; a fitted concept without a row scores 0)."""
    return con.execute(
        """
        SELECT labelled_id, labelled_concept.name, grouping, part, present,
               concept_id, CASE WHEN concept_id IS NULL THEN NULL
                                ELSE coalesce(score, 0) END AS score
        FROM image_label
        JOIN labelled_concept USING (labelled_id)
        LEFT JOIN (SELECT labelled_id, concept_id FROM concept
                   WHERE bank_id = $bank_id AND name_source = 'label') USING (labelled_id)
        LEFT JOIN (SELECT concept_id, score FROM score
                   WHERE bank_id = $bank_id AND image_id = $image_id) USING (concept_id)
        WHERE image_id = $image_id
        ORDER BY present DESC, grouping NULLS LAST, labelled_concept.name, labelled_id, concept_id
        """,
        {"bank_id": bank_id, "image_id": image_id},
    ).df()


def parts(con: duckdb.DuckDBPyConnection, image_id: int) -> pd.DataFrame:
    """part, x, y in pixels of the upright image, visible parts only."""
    return con.execute(
        """
        SELECT part, x, y FROM part
        WHERE image_id = $image_id AND visible AND x IS NOT NULL AND y IS NOT NULL
        ORDER BY part, x, y
        """,
        {"image_id": image_id},
    ).df()


def masks(con: duckdb.DuckDBPyConnection, image_id: int) -> pd.DataFrame:
    """part, height, width, runs (lengths over the row-major mask; the first is outside)."""
    return con.execute(
        """
        SELECT part, height, width, runs FROM mask
        WHERE image_id = $image_id ORDER BY part, height, width, runs
        """,
        {"image_id": image_id},
    ).df()
