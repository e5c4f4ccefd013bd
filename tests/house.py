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
RECORDS = {"_asdict", "_fields", "_make", "_replace"}
"""public on every NamedTuple"""


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


def private_names(tree: ast.Module) -> set[str]:
    """Private names of our modules that a file takes or reaches, however long the way to them."""
    taken = list(imports(tree))
    modules = {(a.asname or a.name).split(".")[0] for _, a in taken}
    reached = {
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in RECORDS
        if _root(node) in modules
    }
    named = {f"{module}.{a.name}".strip(".") for module, a in taken}
    return reached | {name for name in named if any(map(is_private, name.split(".")))}


def _root(node: ast.expr) -> str | None:
    """`a` of `a.b.c`."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def renamed_queries(tree: ast.Module) -> set[str]:
    """Modules of questions to a store that a file gives another name."""
    named = ((f"{module}.{alias.name}".strip("."), alias.asname) for module, alias in imports(tree))
    return {name for name, other in named if other and f"{name}.".startswith("data.queries.")}


def imports_by_string(tree: ast.Module) -> set[str]:
    """Imports that no tool sees, and code that may hold some."""
    names = {"import_module", "__import__", "exec", "eval"}
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return {
        ast.unparse(f)
        for f in called
        if (isinstance(f, ast.Name) and f.id in names)
        or (isinstance(f, ast.Attribute) and f.attr in names - {"eval"})
    }


def n_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    of = function.args
    names = [a.arg for a in (*of.posonlyargs, *of.args, *of.kwonlyargs)]
    return sum(name not in {"self", "cls"} for name in names)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
