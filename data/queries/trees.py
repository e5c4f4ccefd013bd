"""Trees of concepts, nested prefixes, and what banks fitted on crops were shown."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import pandas as pd

from data.queries.carried import NAMED

_CROP = "image_id, x0, y0, x1, y1, code"


def tree(con: duckdb.DuckDBPyConnection, bank_id: int) -> pd.DataFrame:
    """concept_id, parent_id (NULL: a root), level, share, n, name, frequency, map_scale; roots
    first, siblings by share. Empty for a bank that is no tree."""
    return con.execute(
        """
        SELECT concept_id, parent_id, level, share, n, name, frequency, n_active, map_scale
        FROM concept_tree JOIN concept USING (bank_id, concept_id)
        WHERE bank_id = $bank_id ORDER BY level, share DESC, concept_id
        """,
        {"bank_id": bank_id},
    ).df()


def lineage(
    con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The concept's ancestors from the root on, and its children by share: concept_id, name,
    share."""
    above = con.execute(
        """
        WITH RECURSIVE up AS (
            SELECT concept_id, parent_id, level, share FROM concept_tree
            WHERE bank_id = $bank_id AND concept_id = $concept_id
            UNION ALL
            SELECT tree.concept_id, tree.parent_id, tree.level, tree.share
            FROM concept_tree tree JOIN up ON tree.concept_id = up.parent_id
            WHERE bank_id = $bank_id AND tree.level < up.level
        )
        SELECT concept_id, name, share FROM up JOIN concept USING (concept_id)
        WHERE bank_id = $bank_id AND concept_id <> $concept_id ORDER BY level, concept_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()
    below = con.execute(
        """
        SELECT concept_id, name, share FROM concept_tree JOIN concept USING (bank_id, concept_id)
        WHERE bank_id = $bank_id AND parent_id = $concept_id ORDER BY share DESC, concept_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()
    return above, below


def prefixes(con: duckdb.DuckDBPyConnection, bank_id: int) -> pd.DataFrame:
    """size, r2, control, l0, n, rising; empty for a bank that is not nested."""
    return con.execute(
        """
        SELECT size, r2, control, l0, n FROM bank_prefix WHERE bank_id = $bank_id ORDER BY size
        """,
        {"bank_id": bank_id},
    ).df()


def has_parts(con: duckdb.DuckDBPyConnection, bank_id: int) -> bool:
    """Whether any concept of the bank was split into sub-concepts."""
    row = con.execute(
        "SELECT count(*) > 0 FROM subconcept WHERE bank_id = $bank_id", {"bank_id": bank_id}
    ).fetchone()
    return bool(row and row[0])


def crops(
    con: duckdb.DuckDBPyConnection, bank_id: int, concept_ids: Sequence[int], *, n: int
) -> pd.DataFrame:
    """The n strongest crops of each concept: concept_id, rank, image_id, box, code, picture."""
    return con.execute(
        f"""
        SELECT concept_id, rank, {_CROP}, picture
        FROM concept_crop JOIN picture USING (image_id)
        WHERE bank_id = $bank_id AND concept_id IN (SELECT unnest($ids)) AND rank < $n
        ORDER BY concept_id, rank
        """,
        {"bank_id": bank_id, "ids": [int(c) for c in concept_ids], "n": n},
    ).df()


def parts(con: duckdb.DuckDBPyConnection, bank_id: int, concept_ids: Sequence[int]) -> pd.DataFrame:
    """Sub-concepts: concept_id, sub_id, layer, share, n_crops, error, by share."""
    return con.execute(
        """
        SELECT concept_id, sub_id, layer, share, n_crops, error FROM subconcept
        WHERE bank_id = $bank_id AND concept_id IN (SELECT unnest($ids))
        ORDER BY concept_id, sub_id
        """,
        {"bank_id": bank_id, "ids": [int(c) for c in concept_ids]},
    ).df()


def part_crops(
    con: duckdb.DuckDBPyConnection, bank_id: int, concept_ids: Sequence[int], *, n: int
) -> pd.DataFrame:
    """As `crops`, of each sub-concept: with sub_id."""
    return con.execute(
        f"""
        SELECT concept_id, sub_id, rank, {_CROP}, picture
        FROM subconcept_crop JOIN picture USING (image_id)
        WHERE bank_id = $bank_id AND concept_id IN (SELECT unnest($ids)) AND rank < $n
        ORDER BY concept_id, sub_id, rank
        """,
        {"bank_id": bank_id, "ids": [int(c) for c in concept_ids], "n": n},
    ).df()


def attributions(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.DataFrame:
    """Maps of what the concept's score rests on, by method and falling score: method, signed,
    map_h, map_w, scale, value (a list), and image_id, score, file, class, thumb, view box."""
    return con.execute(
        f"""
        SELECT method, signed, map_h, map_w, scale, value, image_id, score, file,
            class.name AS class, thumb, view_x0, view_y0, view_x1, view_y1
        FROM concept_attribution JOIN score USING (bank_id, concept_id, image_id)
        JOIN image USING (image_id) JOIN picture USING (image_id)
        LEFT JOIN {NAMED} AS class USING (image_id)
        WHERE bank_id = $bank_id AND concept_id = $concept_id
        ORDER BY signed DESC, method, score DESC, image_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()


def attributed_concepts(
    con: duckdb.DuckDBPyConnection, bank_id: int, image_id: int
) -> pd.DataFrame:
    """Concepts of the bank with such a map of this image: concept_id, name, method, signed, map_h,
    map_w, scale, value, by falling score."""
    return con.execute(
        """
        SELECT concept_id, name, method, signed, map_h, map_w, scale, value
        FROM concept_attribution JOIN score USING (bank_id, concept_id, image_id)
        JOIN concept USING (bank_id, concept_id)
        WHERE bank_id = $bank_id AND image_id = $image_id
        ORDER BY score DESC, concept_id, signed DESC, method
        """,
        {"bank_id": bank_id, "image_id": image_id},
    ).df()
