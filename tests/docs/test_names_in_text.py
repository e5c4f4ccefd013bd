"""What stands in backticks, in a page or a docstring, is there: files, modules, names, columns."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import PurePosixPath

import duckdb
import house
import how_to
import pytest
from paths import ROOT

from data.store import SCHEMA

SPAN = re.compile(r"`([\w./-]+)(?:\(\))?`")
DOTTED = re.compile(r"[^\W\d]\w*(?:\.\w+)*")
FENCE = re.compile(r"```.*?```", re.DOTALL)
OTHERS = {"csv", "json", "txt", "building"}
"""endings of files that are no part of the product"""
MADE = {"palette.js"}
"""files that the app writes itself"""


def pages() -> dict[str, str]:
    """Everything that is written for people, but for what is generated from docstrings."""
    listed = chain(ROOT.glob("*.md"), (ROOT / "docs").glob("*.md"), how_to.PAGES.glob("*.md"))
    return {house.relative(path): path.read_text(encoding="utf-8") for path in listed}


def docstrings(tree: ast.Module) -> list[ast.Constant]:
    """Also the strings below a field or a constant."""
    alone = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    return [v for v in alone if isinstance(v, ast.Constant) and isinstance(v.value, str)]


@cache
def texts() -> dict[str, str]:
    """Prose by file: pages without what they show as code, and the docstrings of modules."""
    of_code = {
        name: "\n".join(str(v.value) for v in docstrings(tree))
        for name, tree in house.files().items()
    }
    return of_code | {name: FENCE.sub("", text) for name, text in pages().items()}


@cache
def files() -> set[str]:
    tops = ("app", "core", "data", "docs", "precompute", "tests")
    below = chain.from_iterable((ROOT / top).rglob("*.*") for top in tops)
    made = (new for text in pages().values() for new in how_to.new_files(text))
    return {house.relative(path) for path in below} | set(made) | MADE


@cache
def modules() -> dict[str, set[str]]:
    """Names at the top of each module, by its dotted name."""
    out: dict[str, set[str]] = {}
    for name, tree in house.files().items():
        path = PurePosixPath(name).with_suffix("")
        parts = path.parts[:-1] if path.name == "__init__" else path.parts
        out[".".join(parts)] = set(_bound(tree))
    return out


@cache
def members() -> dict[str, set[str]]:
    """Fields and methods of each class."""
    out: dict[str, set[str]] = defaultdict(set)
    for tree in house.files().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                out[node.name] |= set(_bound(node))
    return out


def _bound(tree: ast.Module | ast.ClassDef) -> Iterator[str]:
    for node in ast.walk(tree) if isinstance(tree, ast.ClassDef) else tree.body:
        if isinstance(node, (*house.FUNCTIONS, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (name.id for name in node.targets if isinstance(name, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)


@cache
def columns() -> set[str]:
    """ "table.column" of the store."""
    with duckdb.connect() as con:
        con.execute(SCHEMA.read_text(encoding="utf-8"))
        rows = con.execute("SELECT table_name || '.' || column_name FROM duckdb_columns()")
        return {name for (name,) in rows.fetchall()}


@cache
def words() -> set[str]:
    """Every word of the product that is not prose, and of the code that pages show."""
    out = {part for name in files() for part in PurePosixPath(name).with_suffix("").parts}
    for name, tree in house.files().items():
        prose = {id(value) for value in docstrings(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and id(node) not in prose:
                out |= set(re.findall(r"\w+", str(node.value)))
        code = io.StringIO((ROOT / name).read_text(encoding="utf-8"))
        out |= {
            t.string for t in tokenize.generate_tokens(code.readline) if t.type == tokenize.NAME
        }
    named = [ROOT / name for name in files() if name.endswith((".js", ".css", ".sql", ".toml"))]
    read = [path.read_text(encoding="utf-8") for path in named if path.exists()]
    read += [(ROOT / name).read_text(encoding="utf-8") for name in ("Makefile", "pyproject.toml")]
    read += [fence for text in pages().values() for fence in FENCE.findall(text)]
    return out | {word for text in read for word in re.findall(r"\w+", text)}


def gone(text: str) -> set[str]:
    """Names in backticks that lead nowhere."""
    return {name for name in SPAN.findall(text) if not _is_there(name)}


def _is_there(name: str) -> bool:
    if name.endswith((".py", ".js", ".sql", ".md", ".toml")):
        return any(f"/{path}".endswith(f"/{name}") for path in files()) or (ROOT / name).exists()
    if not DOTTED.fullmatch(name) or name.rpartition(".")[2] in OTHERS:
        return True  # a path, a number, a file of a person's own
    if "." not in name:
        return name in words()
    *head, last = name.split(".")
    if name in columns() or any(f".{path}".endswith(f".{name}") for path in modules()):
        return True
    ends = [names for path, names in modules().items() if f".{path}".endswith("." + ".".join(head))]
    if ends or head[-1] in members():
        owners = [*ends, members().get(head[-1], set())]
        return any(last in names for names in owners) or _is_field(head, last)
    if head[0] in house.OURS:
        return _is_field(head, last)
    # what another package has, or what a variable has
    return len(head) > 1 or _is_field(head, last)


def _is_field(head: list[str], last: str) -> bool:
    """`run.concepts`: of a value that the text calls so. `core.x` is never one, though a parameter
    may be called `data`."""
    held = set().union(*members().values())
    return len(head) == 1 and head[0] not in {"core", "app", "precompute"} and last in held


@pytest.mark.parametrize("name", texts())
def test_what_stands_in_backticks_is_there(name: str) -> None:
    assert gone(texts()[name]) == set()


@pytest.mark.parametrize(
    "name",
    [
        "gone.py",
        "core/gone.py",
        "core.gone",
        "core.maps.gone",
        "data.queries.gone",
        "queries.classes.gone",
        "maps.gone",
        "Plan.gone",
        "loop.Gone",
        "gone_for_good",
    ],
)
def test_what_is_gone_is_noticed(name: str) -> None:
    assert gone(f"See `{name}`, as `core.maps.quantise` says.") == {name}
