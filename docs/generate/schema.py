"""Tables and columns of a store, with what `data/schema.sql` says about them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from data.store import SCHEMA, SCHEMA_VERSION
from docs.generate import markdown

_ABOUT = f"""A store is one DuckDB file of schema version {SCHEMA_VERSION}. An id counts from 0 and
never changes inside a file. A column may be NULL where its kind does not say otherwise."""
_SECTION = re.compile(r"^-- (.+?) -{3,}$")
_TABLE = re.compile(r"^CREATE (TABLE|VIEW) (\w+)(?: \(| AS)?\s*(?:-- ?(.*))?$")
_COLUMN = re.compile(r"^    (\w+)\s+([A-Z]+(?:\[\])?)([^,-]*),?\s*(?:-- ?(.*))?$")
_KEY = re.compile(r"^    PRIMARY KEY \((.+)\)")
_MORE = re.compile(r"^\s+-- ?(.*)$")


@dataclass
class Table:
    name: str
    about: list[str]
    columns: list[list[str]] = field(default_factory=list)
    """name, kind, meaning"""
    key: str = ""


def page() -> str:
    blocks: list[str] = ["## The build and its images"]
    for entry in read(SCHEMA.read_text(encoding="utf-8")):
        if isinstance(entry, str):
            blocks.append(f"## {entry}")
            continue
        rows = [
            (markdown.code(n), kind, markdown.sentence(about)) for n, kind, about in entry.columns
        ]
        blocks += [
            f"### {markdown.code(entry.name)}",
            markdown.prose(markdown.sentence(" ".join(entry.about))),
            markdown.table(("column", "kind", "meaning"), rows),
            f"Primary key: {entry.key}." if entry.key else "",
        ]
    return markdown.document("Schema of a store", _ABOUT, ["data/schema.sql"], *blocks)


def read(text: str) -> list[str | Table]:
    """Headings and tables in the order of the file."""
    out: list[str | Table] = []
    for line in text.splitlines():
        section, table, more = _SECTION.match(line), _TABLE.match(line), _MORE.match(line)
        last = out[-1] if out and isinstance(out[-1], Table) else None
        if section:
            out.append(section[1])
        elif table:
            out.append(Table(table[2], [table[3] or ""]))
        elif last and (key := _KEY.match(line)):
            last.key = ", ".join(markdown.code(name) for name in key[1].split(", "))
        elif last and (column := _COLUMN.match(line)):
            name, kind, rest, about = column.groups()
            needs = "NOT NULL" if "NULL" in rest or "KEY" in rest else ""
            last.columns.append([name, f"{kind} {needs}".strip(), about or ""])
            if "KEY" in rest:
                last.key = markdown.code(name)
        elif last and more and last.columns:
            last.columns[-1][2] = f"{last.columns[-1][2]} {more[1].strip()}".strip()
    return out
