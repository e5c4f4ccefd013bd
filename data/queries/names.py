"""What a concept is called, by whom, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import pandas as pd

from data.queries.records import records


@dataclass(frozen=True, slots=True)
class Naming:
    """How a bank's concepts were named from a vocabulary: a row of the table `naming`."""

    bank_id: int
    origin: str
    """the vocabulary's file"""
    model: str
    """that read the words; "": they were read elsewhere"""
    template: str
    n_words: int
    chance: float
    """cosine, -1..1, that a name must exceed"""
    min_margin: float
    """cosine, 0..2, by which it leads the second word"""
    n_control: int
    control_named: float
    """share of the controls that would take a name, 0..1"""


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


def naming(con: duckdb.DuckDBPyConnection, bank_id: int) -> Naming | None:
    """None where the bank was not named from a vocabulary."""
    sql = "SELECT * FROM naming WHERE bank_id = $bank_id"
    rows = records(con, Naming, sql, {"bank_id": bank_id})
    return rows[0] if rows else None


def sources(con: duckdb.DuckDBPyConnection, bank_id: int) -> list[str]:
    """Which values of name_source the bank's concepts have."""
    rows = con.execute(
        "SELECT DISTINCT name_source FROM concept WHERE bank_id = $bank_id ORDER BY name_source",
        {"bank_id": bank_id},
    ).fetchall()
    return [str(row[0]) for row in rows]
