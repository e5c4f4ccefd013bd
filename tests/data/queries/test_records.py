"""Rows become dataclasses of plain Python values, field by field."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, dataclass
from pathlib import Path

import duckdb
import pytest

from data import store
from data.queries import build
from data.queries.records import records


@dataclass(frozen=True, slots=True)
class Thing:
    n: int
    size: float | None
    parts: tuple[float, ...] = ()


def test_values_are_plain_and_what_is_missing_is_none() -> None:
    with duckdb.connect() as con:
        found = records(
            con,
            Thing,
            """
            SELECT * FROM (VALUES
                (1::USMALLINT, 0.5::FLOAT, [1.0, 2.0]::FLOAT[]), (2, NULL, []), (3, 'nan', []))
                AS t(n, size, parts)
            WHERE n >= $least ORDER BY n
            """,
            {"least": 1},
        )
    assert found == [Thing(1, 0.5, (1.0, 2.0)), Thing(2, None), Thing(3, None)]
    assert type(found[0].n) is int
    assert type(found[0].size) is float
    with pytest.raises(FrozenInstanceError):
        found[0].n = 2  # type: ignore[misc]


def test_a_column_that_is_no_field_is_refused() -> None:
    with duckdb.connect() as con, pytest.raises(TypeError):
        records(con, Thing, "SELECT 1 AS n, NULL AS size, 'x' AS colour")


def test_banks_and_heads_are_what_the_store_says(tiny_store: Path) -> None:
    with store.open_readonly(tiny_store) as con:
        banks, heads = build.banks(con), build.heads(con)
        rows = con.execute("SELECT bank_id, name, r2 FROM bank ORDER BY bank_id").fetchall()
        assert [(bank.bank_id, bank.name, bank.r2) for bank in banks] == rows
        assert [build.bank(con, bank.bank_id) for bank in banks] == banks
        with pytest.raises(LookupError, match="no bank 999"):
            build.bank(con, 999)
        by_id = {bank.bank_id: bank for bank in banks}
        for head in heads:
            bank = by_id[head.bank_id]
            assert (head.bank, head.method, head.signed) == (bank.name, bank.method, bank.signed)
        counts = con.execute("SELECT count(*) FROM head_bias GROUP BY head_id ORDER BY head_id")
        assert [(head.n_classes,) for head in heads] == counts.fetchall()
