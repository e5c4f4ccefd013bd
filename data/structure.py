"""Whether an opened file has the structure of a store, before any page asks it anything.

A store may come from anyone. What is looked at here takes milliseconds; `precompute doctor` looks
at every promise of the schema.
"""

from __future__ import annotations

import json
from functools import cache
from typing import NamedTuple

import duckdb

from data.store import SCHEMA, StoreError

LOOKED_AT = 2_000
"""images whose pictures are looked at, evenly spread"""
_JPEG = "'\\xFF\\xD8\\xFF'::BLOB"
_COLUMNS = (
    "SELECT table_name, column_name, data_type FROM duckdb_columns() "
    "WHERE NOT internal AND schema_name = 'main'"
)
_TABLES = "SELECT table_name, sql FROM duckdb_tables() WHERE NOT internal AND schema_name = 'main'"
_FOREIGN = """
SELECT 'view ' || view_name FROM duckdb_views() WHERE NOT internal
UNION ALL SELECT 'function ' || function_name FROM duckdb_functions() WHERE NOT internal
UNION ALL SELECT 'type ' || type_name FROM duckdb_types() WHERE NOT internal
UNION ALL SELECT 'index ' || index_name FROM duckdb_indexes()
ORDER BY ALL
"""
"""what no build makes, and what can run a query of its own"""


class _Promise(NamedTuple):
    """`sql` gives the number of rows that break it."""

    what: str
    sql: str


_PROMISES = (
    _Promise("a token grid has rows and columns", "FROM backbone WHERE least(grid_h, grid_w) < 1"),
    _Promise("a model has one layer", "FROM (SELECT 1 FROM backbone LIMIT 2 OFFSET 1)"),
    _Promise(
        "a saliency map has as many values as places",
        "FROM saliency WHERE least(map_h, map_w) < 1 OR len(value) <> map_h::INT * map_w",
    ),
    _Promise("a mask has rows and columns", "FROM mask WHERE least(height, width) < 1"),
    _Promise(
        "an image has a size, and the model sees a part of it",
        "FROM image WHERE least(width, height) < 1 OR view_x1 <= view_x0 OR view_y1 <= view_y0 "
        "OR NOT isfinite(view_x0 + view_x1 + view_y0 + view_y1)",
    ),
    _Promise(
        "every image is counted, and has its pictures",
        "FROM build, (SELECT count(*) AS n FROM image) AS i, (SELECT count(*) AS n FROM picture) "
        "AS p WHERE n_images <> i.n OR i.n <> p.n",
    ),
    _Promise(
        "every bank has the concepts that it counts",
        "FROM (SELECT bank_id, n_concepts FROM bank) AS b LEFT JOIN (SELECT bank_id, count(*) AS n "
        "FROM concept GROUP BY bank_id) AS c USING (bank_id) WHERE n IS DISTINCT FROM n_concepts",
    ),
    _Promise(
        "a concept's mean map covers the grid",
        "FROM concept, backbone WHERE len(mean_map) <> grid_h::INT * grid_w",
    ),
    _Promise(
        "pictures are JPEG",
        "FROM (SELECT thumb, picture FROM picture, (SELECT greatest(1, count(*) // $most) AS step "
        f"FROM picture) WHERE image_id % step = 0) WHERE thumb[:3] <> {_JPEG} "
        f"OR picture[:3] <> {_JPEG}",
    ),
)
_JSON = (
    ("build.versions", "SELECT versions FROM build"),
    ("bank.params", "SELECT DISTINCT params FROM bank"),
    ("metric.variant", "SELECT DISTINCT variant FROM metric"),
)


def check_structure(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Raises StoreError, in words for people, where `con` reads no store. `name`: of the file."""
    try:
        fault = _foreign(con) or _changed(con) or _broken(con) or _unreadable(con)
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        raise StoreError(f"{name} is damaged: {first}; copy it again, or build it again") from error
    if fault:
        raise StoreError(f"{name} is no store that a build made: {fault}")


def _foreign(con: duckdb.DuckDBPyConnection) -> str | None:
    found = con.execute(_FOREIGN).fetchone()
    return f"it holds the {found[0]}" if found else None


@cache
def _expected() -> tuple[dict[str, str], set[tuple[str, str, str]]]:
    """By table the command that makes it; and table, column and type of all columns."""
    with duckdb.connect() as con:
        con.execute(SCHEMA.read_text(encoding="utf-8"))
        return dict(con.execute(_TABLES).fetchall()), set(con.execute(_COLUMNS).fetchall())


def _changed(con: duckdb.DuckDBPyConnection) -> str | None:
    tables, columns = _expected()
    found = dict(con.execute(_TABLES).fetchall())
    gone = sorted(tables.keys() - found.keys())
    if gone:
        return f"table {gone[0]} is missing"
    lacking = sorted(columns - set(con.execute(_COLUMNS).fetchall()))
    if lacking:
        table, column, kind = lacking[0]
        return f"column {table}.{column} ({kind}) is missing or of another type"
    other = sorted(name for name, sql in tables.items() if found[name] != sql)
    return f"table {other[0]} is made in another way" if other else None


def _broken(con: duckdb.DuckDBPyConnection) -> str | None:
    for promise in _PROMISES:
        given = {"most": LOOKED_AT} if "$most" in promise.sql else {}
        n = con.execute(f"SELECT count(*) {promise.sql}", given).fetchall()[0][0]
        if n:
            return f"{promise.what}, but not so {n:,} times"
    return None


def _unreadable(con: duckdb.DuckDBPyConnection) -> str | None:
    for column, sql in _JSON:
        for (text,) in con.execute(sql).fetchall():
            try:
                known = isinstance(json.loads(text), dict)
            except (ValueError, RecursionError):
                known = False
            if not known:
                return f"{column} holds a text that is no JSON object"
    return None
