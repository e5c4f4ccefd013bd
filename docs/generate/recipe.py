"""Every key that a recipe may have."""

from __future__ import annotations

import dataclasses
import typing
from typing import Any

from core.recipe import Recipe
from docs.generate import markdown
from docs.generate.source import docstring, field_docs

_ABOUT = """A recipe is a TOML file that says what a build is to do. Two recipes that say the same
give stores of the same name. `python -m precompute run recipe.toml` builds it."""
_KINDS = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "true or false",
    "tuple[int, ...]": "list of whole numbers",
    "tuple[str, ...]": "list of texts",
    "Mapping[str, Any]": "table",
}


def page() -> str:
    hints = typing.get_type_hints(Recipe)
    own = {name for name, hint in hints.items() if spec_of(hint) is None}
    blocks = ["## At the top", _table(Recipe, only=own)]
    for name, hint in hints.items():
        spec = spec_of(hint)
        if spec is not None:
            header = f"[{name}]" if spec is hint else f"[[{name}]]"
            blocks += [f"## {markdown.code(header)}", markdown.prose(docstring(spec))]
            blocks.append(_table(spec))
    return markdown.document("Recipe", _ABOUT, ["core/recipe.py"], *blocks)


def spec_of(hint: Any) -> type | None:
    """The dataclass behind a table or a list of tables, None for a plain value."""
    candidate = (typing.get_args(hint) or (hint,))[0]
    is_spec = isinstance(candidate, type) and dataclasses.is_dataclass(candidate)
    return candidate if is_spec else None


def _table(spec: type, *, only: set[str] | None = None) -> str:
    docs = field_docs(spec)
    rows = [
        (
            markdown.code(f.name),
            _KINDS[str(f.type)],
            _default(f),
            markdown.sentence(docs[f.name]),
        )
        for f in dataclasses.fields(spec)
        if only is None or f.name in only
    ]
    return markdown.table(("key", "kind", "default", "meaning"), rows)


def _default(f: dataclasses.Field[Any]) -> str:
    if f.default is not dataclasses.MISSING:
        return markdown.default(f.default)
    if f.default_factory is not dataclasses.MISSING:
        return markdown.default(f.default_factory())
    return markdown.default(markdown.REQUIRED)
