"""What every number means that the app shows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from itertools import groupby

from core import catalogue
from core.catalogue import Definition
from docs.generate import markdown
from docs.generate.source import field_docs

_ABOUT = """Every number that the app shows has one definition, which tables, hovers, charts and
reports read. The heading of a definition is its key, the table and the column or measure of a
store, and its title."""
_APART = {"key", "title", "meaning"}
"""fields that stand above the table of the others"""


def page() -> str:
    blocks = [_entries()]
    for table, group in groupby(definitions(), key=lambda one: one.key.partition(".")[0]):
        blocks.append(f"## {markdown.code(table)}")
        for one in group:
            blocks += [f"### {markdown.code(one.key)}: {one.title}", markdown.prose(one.meaning)]
            blocks.append(markdown.table(("", ""), _facts(one)))
    return markdown.document("Measures", _ABOUT, ["core/catalogue"], *blocks)


def definitions() -> list[Definition]:
    """All that the catalogue exports, by table."""
    mappings = (getattr(catalogue, name) for name in catalogue.__all__)
    found = {
        one.key: one
        for table in mappings
        if isinstance(table, Mapping)
        for one in table.values()
        if isinstance(one, Definition)
    }
    return sorted(found.values(), key=lambda one: one.key.partition(".")[0])


def _entries() -> str:
    """What the lines below a definition say."""
    docs = {name: text for name, text in field_docs(Definition).items() if name not in _APART}
    rows = [(_words(name), markdown.sentence(text)) for name, text in docs.items() if text]
    return markdown.table(("entry", "meaning"), rows)


def _facts(one: Definition) -> list[tuple[str, str]]:
    facts = [(f.name, getattr(one, f.name)) for f in fields(one) if f.name not in _APART]
    return [(_words(name), _fact(value)) for name, value in facts if _fact(value)]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _fact(value: object) -> str:
    if isinstance(value, tuple):
        low, high = value
        return "" if math.isinf(low) and math.isinf(high) else f"{low:g} to {high:g}"
    return str(value)
