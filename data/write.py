"""Putting rows into a store under construction, and the Arrow columns they come in. The only SQL
that writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from data.room import no_room

_OF_ROWS = (duckdb.DataError, duckdb.IntegrityError, duckdb.ProgrammingError)
"""faults that leave the database as it was before the rows"""


@contextmanager
def taken_back_on_failure(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Writes all that is put inside, or nothing of it. Does not nest."""
    con.begin()
    try:
        yield
    except Exception:
        con.rollback()
        raise
    con.commit()


def ends_build(error: Exception, *, taken_back: bool) -> bool:
    """Whether a build must not go on after a fault of one of its parts.

    There is no memory or no room on the disk left, or the database itself failed: in a way that
    nothing takes back, unless what the part wrote was, which `taken_back` says.
    """
    if isinstance(error, duckdb.Error):
        return not (taken_back and isinstance(error, _OF_ROWS))
    return isinstance(error, MemoryError) or no_room(error)


def put(con: duckdb.DuckDBPyConnection, table: str, columns: Mapping[str, Any]) -> int:
    """Append rows given as columns (arrays, lists or Arrow arrays); returns how many.

    Columns that are left out become NULL. Raises ValueError for a column the table does not have.
    """
    known = {row[0] for row in con.execute(f"DESCRIBE {table}").fetchall()}
    unknown = set(columns) - known
    if unknown:
        raise ValueError(f"table {table} has no column {', '.join(sorted(unknown))}")
    batch = pa.table(dict(columns))
    con.register("batch", batch)
    names = ", ".join(columns)
    con.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM batch")
    con.unregister("batch")
    return int(batch.num_rows)


def put_row(con: duckdb.DuckDBPyConnection, table: str, **values: Any) -> None:
    put(con, table, {name: [value] for name, value in values.items()})


def frame(con: duckdb.DuckDBPyConnection, table: str, rows: pd.DataFrame, **constants: Any) -> int:
    """Append a frame's rows, each with the `constants`, such as its bank; returns how many.

    NaN becomes NULL, lists of arrays become list columns. Raises what `put` raises.
    """
    same = {name: pa.array([value] * len(rows)) for name, value in constants.items()}
    return put(con, table, {**same, **{name: arrow(rows[name]) for name in rows.columns}})


def stage_scores(con: duckdb.DuckDBPyConnection) -> str:
    """The name of a temporary table to `put` scores into, in any order.

    Call it first before any transaction: DuckDB 2.0 loses the rows of a temporary table that is
    made in the transaction that fills it, if they are more than 122,880.
    """
    con.execute("CREATE TEMP TABLE IF NOT EXISTS unsorted_score AS FROM score LIMIT 0")
    return "unsorted_score"


def put_staged_scores(con: duckdb.DuckDBPyConnection) -> int:
    """Move staged scores into `score`, in the order its readers rely on; returns how many."""
    name = stage_scores(con)
    con.execute(f"INSERT INTO score FROM {name} ORDER BY bank_id, concept_id, score DESC, image_id")
    con.execute(f"DROP TABLE {name}")
    return int(con.execute("SELECT count(*) FROM score").fetchall()[0][0])


def put_vocabulary_names(con: duckdb.DuckDBPyConnection, bank_id: int) -> None:
    """Concepts that nothing else names take the first word of `concept_name`, if it passes."""
    con.execute(
        """
        UPDATE concept SET name = found.name, name_source = 'vocabulary'
        FROM concept_name found
        WHERE found.bank_id = $bank_id AND found.source = 'vocabulary' AND found.named
            AND concept.bank_id = found.bank_id AND concept.concept_id = found.concept_id
            AND concept.name_source = 'unnamed'
        """,
        {"bank_id": bank_id},
    )


def forget_vocabulary(con: duckdb.DuckDBPyConnection) -> None:
    """Takes back every name that came from a vocabulary, and all that was measured of them."""
    con.execute(
        "UPDATE concept SET name = NULL, name_source = 'unnamed' WHERE name_source = 'vocabulary'"
    )
    con.execute("DELETE FROM concept_name WHERE source = 'vocabulary'")
    con.execute("DELETE FROM naming")
    con.execute("DELETE FROM quality WHERE starts_with(measure, 'word_')")
    con.execute("DELETE FROM notice WHERE stage = 'names'")
    con.execute("DELETE FROM stage WHERE name = 'rename'")


def put_renamed(
    con: duckdb.DuckDBPyConnection, *, fingerprint: str, recipe: str, renamed_from: str
) -> None:
    """What the row of `build` says of itself."""
    con.execute(
        "UPDATE build SET fingerprint = $fingerprint, recipe = $recipe, renamed_from = $before",
        {"fingerprint": fingerprint, "recipe": recipe, "before": renamed_from},
    )


def ids(values: np.ndarray) -> pa.Array:
    """-1 becomes NULL."""
    return pa.array(np.where(values < 0, 0, values), mask=values < 0, type=pa.uint32())


def lists(rows: np.ndarray) -> pa.Array:
    offsets = np.arange(len(rows) + 1, dtype=np.int32) * rows.shape[1]
    return pa.ListArray.from_arrays(offsets, pa.array(rows.ravel()))


def ragged(values: np.ndarray, offsets: np.ndarray) -> pa.Array:
    return pa.ListArray.from_arrays(offsets.astype(np.int32), pa.array(values))


def arrow(column: pd.Series) -> pa.Array | pa.ChunkedArray:
    """NaN becomes NULL, lists of arrays become list columns."""
    if column.dtype == object and len(column) and isinstance(column.iloc[0], np.ndarray):
        return pa.array(column.tolist())
    return pa.array(column, from_pandas=True)
