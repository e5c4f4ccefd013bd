"""Rows of an answer as frozen dataclasses, whose fields have the names of the columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

import duckdb

Record = TypeVar("Record")


def records(
    con: duckdb.DuckDBPyConnection,
    kind: type[Record],
    sql: str,
    given: Mapping[str, Any] | None = None,
) -> list[Record]:
    """One `kind` a row, in the order of the answer; NULL and NaN are None, lists are tuples.

    Raises TypeError where the columns are not the fields of `kind`.
    """
    found = con.execute(sql, dict(given or {}))
    names = [column[0] for column in found.description]
    return [
        kind(**{name: _plain(value) for name, value in zip(names, row, strict=True)})
        for row in found.fetchall()
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, float) and math.isnan(value):
        return None
    return tuple(value) if isinstance(value, list) else value
