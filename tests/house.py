"""What the rules of the house are checked on: every file of the product, parsed once."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from paths import ROOT

PACKAGES = ("core", "data", "precompute", "app")
OURS = (*PACKAGES, "docs")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
RECORDS = {"_asdict", "_fields", "_make", "_replace"}
"""public on every NamedTuple"""
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
    "importlinter"
]["contracts"]
ROOMS = {c["id"].removeprefix("door-") for c in CONTRACTS if c["id"].startswith("door-")}
"""folders whose one public module is their `__init__`"""
LOADERS = {"importlib", "pkgutil", "runpy", "imp", "zipimport"}
HARMLESS = {"importlib.metadata.version", "importlib.util.find_spec"}
"""of LOADERS, what loads nothing"""


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
    reached |= {ast.unparse(node) for node in ast.walk(tree) if _asks_by_name(node)}
    named = {f"{module}.{a.name}".strip(".") for module, a in taken}
    return reached | {name for name in named if any(map(is_private, name.split(".")))}


def _asks_by_name(node: ast.AST) -> bool:
    """`getattr(x, "_y")`."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"getattr", "hasattr", "setattr"}
        and len(node.args) > 1
        and isinstance(node.args[1], ast.Constant)
        and is_private(str(node.args[1].value))
    )


def behind_doors(tree: ast.Module) -> set[str]:
    """Modules of a room that a file reaches as attributes of the room, past its `__init__`."""
    named = {}
    for module, alias in imports(tree):
        whole = f"{module}.{alias.name}".strip(".")
        named[alias.asname or alias.name.split(".")[0]] = (
            whole if module or alias.asname else whole.split(".")[0]
        )
    out = set()
    for node in ast.walk(tree):
        root = _root(node) if isinstance(node, ast.Attribute) else None
        if root in named:
            reached = ast.unparse(node).replace(root, named[root], 1)
            out |= {reached for room in ROOMS if _is_module(reached, room)}
    return out


def _is_module(reached: str, room: str) -> bool:
    """Whether a dotted name goes through a file or folder of the room."""
    if not reached.startswith(f"{room}."):
        return False
    inside = ROOT / room.replace(".", "/") / reached.removeprefix(f"{room}.").split(".")[0]
    return inside.with_suffix(".py").is_file() or inside.is_dir()


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
    by_call = {
        ast.unparse(f)
        for f in called
        if (isinstance(f, ast.Name) and f.id in names)
        or (isinstance(f, ast.Attribute) and f.attr in names - {"eval"})
    }
    return by_call | {
        name for name in foreign(tree) if name.split(".")[0] in LOADERS and name not in HARMLESS
    }


def foreign(tree: ast.Module) -> set[str]:
    """What a file imports, with dots: `from a.b import c` is a.b.c."""
    out = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            out |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            out |= {alias.name for alias in node.names}
    return out


def n_parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    of = function.args
    names = [a.arg for a in (*of.posonlyargs, *of.args, *of.kwonlyargs)]
    return sum(name not in {"self", "cls"} for name in names)


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")
