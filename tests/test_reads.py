"""Who asks a store: pages through `data.queries`, and the build, which writes it, not at all."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import house
import pytest

READERS = {
    "precompute/doctor.py",
    "precompute/export/reading.py",
    "precompute/other_vocabulary.py",
}
"""the commands that are given a finished store; every other part of a build only writes"""
ASKING = {"execute", "executemany", "query", "sql", "table", "read_sql", "read_sql_query"}
OURS_TOO = {"query"}
"""pages choose rows of data frames with it"""
QUESTION = r"\b(?:SELECT|FROM)\b|(?s:^\s*select\b.*\bfrom\b)|(?i:^(?:from|table)\s+\w+$)"


def _asks(tree: ast.Module, *, names: set[str]) -> Iterator[str]:
    """Where a connection is asked: `x.execute` and the like, x being no module of ours."""
    modules = {alias.asname or alias.name for _, alias in house.imports(tree)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in names:
            continue
        if not (isinstance(node.value, ast.Name) and node.value.id in modules):
            yield ast.unparse(node)


def _sql(tree: ast.Module) -> Iterator[str]:
    """The strings that ask a table."""
    said = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    yield from (text for text in said if isinstance(text, str) and re.search(QUESTION, text))


def _loose(tree: ast.Module) -> set[str]:
    """What is taken out of duckdb, past a connection, and other databases."""
    taken = house.foreign(tree)
    return {name for name in taken if name.startswith(("duckdb.", "sqlite3", "sqlalchemy"))}


def _read(tree: ast.Module) -> set[str]:
    return {*_asks(tree, names=ASKING), *_sql(tree), *_loose(tree)}


WRITERS = {n: t for n, t in house.files().items() if n.startswith("precompute/")}
PAGES = {n: t for n, t in house.files().items() if n.startswith("app/")}


def test_what_writes_a_store_does_not_read_it() -> None:
    """Each stage is handed what the stages before it made, not what they wrote."""
    assert {n: found for n, t in WRITERS.items() if n not in READERS and (found := _read(t))} == {}


def test_every_exception_is_needed() -> None:
    assert {name for name in READERS if not _read(WRITERS[name])} == set()


@pytest.mark.parametrize(
    "line",
    [
        'ids = con.execute("SELECT image_id FROM image").fetchall()',
        "rows = con.sql(question)",
        'rows = con.table("score")',
        "ask = con.execute",
        'question = "SELECT image_id FROM image"',
        'question = f"SELECT {columns} FROM {table}"',
        'question = "FROM image"',
        'question = "select image_id\\nfrom image"',
        'import duckdb\nduckdb.sql("image")',
        "from duckdb import sql",
        "rows = pd.read_sql(question, con)",
        'question = "table image"',
        'question = "from image"',
    ],
)
def test_a_writer_that_reads_is_found(line: str) -> None:
    assert _read(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    [
        "from precompute.explain import fidelity\nfidelity.table(2)",
        'write.insert(con, "image", rows)',
        'said = "Select images from the folder."',
    ],
)
def test_a_writer_that_writes_is_let_pass(line: str) -> None:
    assert not _read(ast.parse(line))


def _asked(tree: ast.Module) -> set[str]:
    return {*_asks(tree, names=ASKING - OURS_TOO), *_sql(tree), *_loose(tree)}


def test_pages_ask_a_store_through_the_queries_alone() -> None:
    asked = {n: _asked(t) for n, t in PAGES.items()}

    assert {name: found for name, found in asked.items() if found} == {}


@pytest.mark.parametrize(
    "line",
    [
        "db.cursor().execute(question)",
        "con.sql(question)",
        'pd.read_sql("table depth", db.cursor())',
        "from duckdb import sql",
    ],
)
def test_a_page_that_asks_by_itself_is_found(line: str) -> None:
    assert _asked(ast.parse(line))
