"""What the code says about itself: docstrings under fields, parameters that a recipe can set."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Callable, Collection
from typing import Any

from core import concepts
from docs.generate import markdown


def field_docs(owner: type) -> dict[str, str]:
    """The text under each field of a class, "" where there is none."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(owner))).body
    assert isinstance(tree, ast.ClassDef)
    out: dict[str, str] = {}
    last = ""
    for statement in tree.body:
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            last = statement.target.id
            out[last] = ""
        elif last and isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            out[last] = inspect.cleandoc(str(statement.value.value))
        else:
            last = ""
    return out


def docstring(thing: object) -> str:
    """As written, without what `dataclass` puts where nothing is."""
    text = inspect.getdoc(thing) or ""
    return "" if isinstance(thing, type) and text.startswith(f"{thing.__name__}(") else text


def module_of(function: Callable[..., Any]) -> tuple[str, str]:
    """The file that defines a function, relative to the repository, and the module's docstring."""
    module = sys.modules[inspect.unwrap(function).__module__]
    return module.__name__.replace(".", "/") + ".py", docstring(module)


def settable(*functions: Callable[..., Any], given: Collection[str] = ()) -> dict[str, Any]:
    """Keyword-only parameters with their defaults; `given` are those that a recipe cannot set."""
    return {
        name: default
        for function in functions
        for name, default in concepts.parameters(function).items()
        if name not in given
    }


def parameters(*functions: Callable[..., Any], given: Collection[str] = ()) -> str:
    """A table of them, "" where there is none."""
    found = settable(*functions, given=given)
    return markdown.table(
        ("parameter", "default"),
        [(markdown.code(name), markdown.default(value)) for name, value in found.items()],
    )
