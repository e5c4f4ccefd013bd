"""What every number means that the app shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from core import catalogue
from core.catalogue import Definition
from docs.generate import markdown
from docs.generate.source import field_docs

_ABOUT = """Every number that the app shows has one definition, which tables, hovers, charts and
reports read. `chance` is what the number would be without information."""


def page() -> str:
    blocks = [_columns()]
    for name, table in vars(catalogue).items():
        if name.isupper() and isinstance(table, Mapping) and not name.startswith("_"):
            blocks += [f"## {markdown.code(name)}", *_definitions(table)]
    return markdown.document("Measures", _ABOUT, ["core/catalogue.py"], *blocks)


def _columns() -> str:
    rows = [(name.replace("_", " "), markdown.sentence(d)) for name, d in _documented().items()]
    return markdown.table(("entry", "meaning"), [row for row in rows if row[1]])


def _documented() -> dict[str, str]:
    return field_docs(Definition)


def _definitions(table: Mapping[str, Any]) -> list[str]:
    out = []
    for key, definition in table.items():
        out.append(f"### {markdown.code(key)}: {definition.title}")
        out.append(markdown.prose(definition.meaning))
        facts = [
            (f.name.replace("_", " "), _fact(getattr(definition, f.name)))
            for f in fields(definition)
            if f.name not in {"key", "title", "meaning"}
        ]
        out.append(markdown.table(("", ""), [fact for fact in facts if fact[1]]))
    return out


def _fact(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
