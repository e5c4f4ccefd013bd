"""What a concept is called, by whom, and how sure that is."""

from __future__ import annotations

import duckdb
import pandas as pd


def words(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.DataFrame:
    """The words nearest to a concept: rank, name, score, margin, n, named, origin; may be none."""
    return con.execute(
        """
        SELECT rank, name, score, margin, n, named, origin FROM concept_name
        WHERE bank_id = $bank_id AND concept_id = $concept_id AND source = 'vocabulary'
        ORDER BY rank, name
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()


def text_edits(con: duckdb.DuckDBPyConnection, bank_id: int, concept_id: int) -> pd.DataFrame:
    """What ablating and inserting a concept's word does: mode, own, others, top_changes, n."""
    return con.execute(
        """
        SELECT mode, own, others, top_changes, n FROM text_edit
        WHERE bank_id = $bank_id AND concept_id = $concept_id
        ORDER BY mode, concept_id
        """,
        {"bank_id": bank_id, "concept_id": concept_id},
    ).df()


def naming(con: duckdb.DuckDBPyConnection, bank_id: int) -> pd.Series | None:
    """How a bank was named from a vocabulary; None where it was not."""
    rows = con.execute("SELECT * FROM naming WHERE bank_id = $bank_id", {"bank_id": bank_id}).df()
    return None if rows.empty else rows.iloc[0]


def sources(con: duckdb.DuckDBPyConnection, bank_id: int) -> list[str]:
    """Which values of name_source the bank's concepts have."""
    rows = con.execute(
        "SELECT DISTINCT name_source FROM concept WHERE bank_id = $bank_id ORDER BY name_source",
        {"bank_id": bank_id},
    ).fetchall()
    return [str(row[0]) for row in rows]
