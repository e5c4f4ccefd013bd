"""Rows put into a store arrive as they were given, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data import store, write


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with store.build(tmp_path / "a.duckdb") as opened:
        yield opened


def test_columns_are_matched_by_name(con: duckdb.DuckDBPyConnection) -> None:
    n = write.put(
        con, "notice", {"message": ["m", "n"], "stage": ["s", "s"], "subject": ["b", "c"]}
    )
    assert n == 2
    assert con.execute("SELECT * FROM notice").fetchall() == [("s", "b", "m"), ("s", "c", "n")]


def test_columns_left_out_are_null(con: duckdb.DuckDBPyConnection) -> None:
    write.put_row(con, "class", class_id=3, name="wren", labelled=True)
    assert con.execute("SELECT * FROM class").fetchall() == [(3, "wren", True, None)]


def test_frame_goes_in_with_its_constants_and_without_its_gaps(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rows = pd.DataFrame({"measure": ["r2", "l0"], "value": [0.5, 2.0], "n": [7, 8]})
    rows["chance"] = [np.nan, 1.0]
    assert write.frame(con, "quality", rows, bank_id=3, control=None) == 2
    found = con.execute("SELECT bank_id, measure, value, control, chance, n FROM quality")
    assert found.fetchall() == [(3, "r2", 0.5, None, None, 7), (3, "l0", 2.0, None, 1.0, 8)]


def test_frame_keeps_lists_of_arrays(con: duckdb.DuckDBPyConnection) -> None:
    rows = pd.DataFrame({"image_id": [0, 1], "vector": list(np.eye(2, dtype=np.float32))})
    write.frame(con, "pooled", rows)
    assert con.execute("SELECT vector FROM pooled").fetchall() == [([1.0, 0.0],), ([0.0, 1.0],)]


def test_unknown_column_is_refused_by_name(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(ValueError, match="table class has no column colour"):
        write.put(con, "class", {"class_id": [0], "colour": ["red"]})


@pytest.mark.parametrize(
    "row",
    [
        {"class_id": 0, "labelled": True},  # no name
        {"class_id": -1, "name": "x", "labelled": True},  # ids count from 0
    ],
)
def test_row_that_breaks_the_schema_is_refused(
    con: duckdb.DuckDBPyConnection, row: dict[str, object]
) -> None:
    with pytest.raises(duckdb.Error):
        write.put_row(con, "class", **row)
    assert con.execute("SELECT count(*) FROM class").fetchone() == (0,)


def test_same_id_twice_is_refused(con: duckdb.DuckDBPyConnection) -> None:
    write.put_row(con, "class", class_id=3, name="wren", labelled=True)
    with pytest.raises(duckdb.ConstraintException):
        write.put_row(con, "class", class_id=3, name="heron", labelled=True)


def test_lists_and_signs_survive(con: duckdb.DuckDBPyConnection) -> None:
    values = np.array([-32767, 0, 32767], dtype=np.int16)
    columns = {"bank_id": [0, 0], "image_id": [4, 5], "value": pa.array([values, values[:0]])}
    write.put(con, "code", columns)
    found = con.execute("SELECT concept, value FROM code ORDER BY image_id").fetchall()
    assert found == [(None, values.tolist()), (None, [])]


def test_scores_are_sorted_over_all_banks(con: duckdb.DuckDBPyConnection) -> None:
    rng = np.random.default_rng(0)
    for bank in (1, 0):
        n = 60
        write.put(
            con,
            write.stage_scores(con),
            {
                "bank_id": np.full(n, bank),
                "concept_id": rng.integers(0, 5, n),
                "image_id": rng.permutation(n),
                "score": rng.integers(0, 4, n).astype(np.float32),
                "peak": np.zeros(n, dtype=np.float32),
                "peak_token": np.zeros(n, dtype=int),
            },
        )
    assert write.put_staged_scores(con) == 120
    rows = con.execute("SELECT bank_id, concept_id, -score, image_id FROM score").fetchall()
    assert rows == sorted(rows)
    assert len(set(rows)) == 120
    names = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    assert "unsorted_score" not in names


def test_many_scores_outlast_the_transaction_they_were_put_in(
    con: duckdb.DuckDBPyConnection,
) -> None:
    n = 130_000
    write.stage_scores(con)
    with write.taken_back_on_failure(con):
        rows = {"bank_id": np.zeros(n, np.uint16), "concept_id": np.arange(n) % 50}
        rows |= {"image_id": np.arange(n) // 50, "score": np.ones(n), "peak": np.ones(n)}
        write.put(con, write.stage_scores(con), {**rows, "peak_token": np.zeros(n, np.uint16)})

    assert write.put_staged_scores(con) == n


def test_store_without_banks_has_no_scores(con: duckdb.DuckDBPyConnection) -> None:
    assert write.put_staged_scores(con) == 0
