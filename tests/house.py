"""What the rules of the house are checked on: every file of the product, parsed once."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from paths import ROOT

PACKAGES = ("core", "data", "precompute", "app")
OURS = (*PACKAGES, "docs")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def files() -> dict[str, ast.Module]:
    """Path relative to the repository, with forward slashes, to what the file says."""
    paths = (path for package in OURS for path in sorted((ROOT / package).rglob("*.py")))
    return {relative(path): ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(tree: ast.Module) -> Iterator[tuple[str, ast.alias]]:
    """What a file takes from our modules: `from module import alias`, `import alias` ("")."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in OURS:
            yield from ((node.module or "", alias) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (("", a) for a in node.names if a.name.split(".")[0] in OURS)


def n_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    of = function.args
    names = [a.arg for a in (*of.posonlyargs, *of.args, *of.kwonlyargs)]
    return sum(name not in {"self", "cls"} for name in names)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
