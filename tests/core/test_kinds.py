"""Kinds are what the schema says they are, and no other file lists them again."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from enum import EnumMeta
from typing import Any, get_args

import house
import pytest
from paths import ROOT

from core import kinds

COLUMNS: dict[str, Any] = {
    "concept.name_source": kinds.NameSource,
    "bank.pool": kinds.Pool,
    "bank.control_kind": kinds.ControlKind,
    "bank.label_level": kinds.LabelLevel,
    "metric.scope": kinds.Scope,
    "probe.kind": kinds.ProbeKind,
    "neighbour.kind": kinds.Likeness,
    "effect.images": kinds.EditedImages,
    "head.link": kinds.Link,
}


def values(kind: Any) -> set[str]:
    return {str(v) for v in (kind if isinstance(kind, EnumMeta) else get_args(kind))}


def quoted(column: str) -> set[str]:
    """What stands in quotation marks in the comment of a column of the schema."""
    table, name = column.split(".")
    schema = (ROOT / "data" / "schema.sql").read_text(encoding="utf-8")
    (body,) = re.findall(rf"^CREATE TABLE {table} \(.*?^\);", schema, re.S | re.M)
    (said,) = re.findall(rf"^    {name} .*?(?=^    \w|^\))", body, re.S | re.M)
    return set(re.findall(r'"([^"]+)"', said))


@pytest.mark.parametrize("column", COLUMNS)
def test_a_kind_is_what_the_schema_says(column: str) -> None:
    assert values(COLUMNS[column]) == quoted(column)


def test_every_kind_is_held_to_a_column() -> None:
    own = {name for name, kind in vars(kinds).items() if get_args(kind) or name == "NameSource"}

    assert {name for name in own if not name.startswith("_")} == {
        name for name, kind in vars(kinds).items() if any(kind is k for k in COLUMNS.values())
    }


def listed(tree: ast.Module) -> Iterator[ast.Tuple | ast.List | ast.Set]:
    """What is assigned, written in a Literal or looked in; no loop over two columns."""
    for node in ast.walk(tree):
        inner: list[ast.expr | None] = []
        if isinstance(node, ast.Assign | ast.AnnAssign):
            inner = [node.value]
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal":
            inner = [node.slice]
        elif isinstance(node, ast.Compare):
            inner = list(node.comparators)
        yield from (n for n in inner if isinstance(n, ast.Tuple | ast.List | ast.Set))


def test_no_other_file_lists_a_kind_again() -> None:
    known = [values(kind) for kind in COLUMNS.values()]
    again = {
        f"{file}:{node.lineno}"
        for file, tree in house.files().items()
        if file != "core/kinds.py"
        for node in listed(tree)
        if {e.value for e in node.elts if isinstance(e, ast.Constant)} - {""} in known
    }

    assert again == set()
