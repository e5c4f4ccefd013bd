"""Markdown as GitHub shows it: tables, sentences, links to files, values as recipes write them."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
REQUIRED = inspect.Parameter.empty


def document(title: str, about: str, sources: Sequence[str], *blocks: str) -> str:
    """A page that says where it comes from; blocks are parted by an empty line."""
    made = f"This page is made from {_listed([link(s) for s in sources])} by `make docs`."
    return "\n\n".join([f"# {title}", about, made, *(b for b in blocks if b)]) + "\n"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns that are empty in every row are left out; "" where there is no row."""
    lines = [[cell(text) for text in row] for row in rows]
    if not lines:
        return ""
    used = [i for i in range(len(header)) if any(line[i] for line in lines)]
    out = [[header[i] for i in used], ["---"] * len(used)]
    out += [[line[i] for i in used] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in out)


def cell(text: str) -> str:
    return prose(text).replace("|", "\\|").replace("\n\n", "<br>").replace("\n", " ")


def prose(text: str) -> str:
    """Text of a docstring or comment, with what would be read as HTML escaped outside of code."""
    parts = re.split(r"(`[^`]*`)", inspect.cleandoc(text))
    return "".join(p if p.startswith("`") else p.replace("<", "&lt;") for p in parts)


def sentence(text: str) -> str:
    """With a capital first letter and a full stop; "" stays as it is."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else ".")


def code(text: str) -> str:
    return f"`{text}`"


def link(path: str) -> str:
    """A link from `docs/reference/` to a file of the repository."""
    return f"[{path}](../../{path})"


def default(value: Any) -> str:
    """As a recipe would write it."""
    if value is REQUIRED:
        return "required"
    if isinstance(value, float):
        return code(f"{value:g}")
    if value is None:
        return "none"
    return code(json.dumps(list(value) if isinstance(value, tuple) else value))


def _listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
