"""Parameters of a recipe against the function that will take them, before any work is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from core import concepts

_KINDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
}


def check_parameters(
    params: Mapping[str, Any], *functions: Callable[..., Any], owner: str, given: set[str]
) -> None:
    """Raises ValueError for a parameter that no function has or whose default is of another kind.

    `owner` begins the message ("bank 'nmf': nmf"); `given` are parameters that a recipe cannot set.
    """
    known = {
        name: default
        for function in functions
        for name, default in concepts.parameters(function).items()
        if name not in given
    }
    for name, value in params.items():
        if name not in known:
            has = f"it has {', '.join(sorted(known))}" if known else "it has none"
            raise ValueError(f"{owner} has no parameter {name!r}; {has}")
        kind = type(known[name])
        # a whole number is a number, but True is neither
        fits = type(value) is kind or (kind is float and type(value) is int)
        if kind in _KINDS and not fits:
            raise ValueError(f"{owner}: {name} must be {_KINDS[kind]}, not {value!r}")
