"""The pages of `docs/how-to`, done to a copy of the packages as literally as a person would."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paths import ROOT

PAGES = ROOT / "docs" / "how-to"
ROWS = tuple(sorted(path.stem for path in PAGES.glob("*.md")))
PACKAGES = ("core", "data", "precompute", "app")
_FENCE = re.compile(r"^```(?P<kind>\w+)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"`((?:core|data|precompute|app)/[\w/.-]+\.\w+)`")


def copy(target: Path) -> Path:
    """The packages, without what builds and interpreters left in them."""
    left = shutil.ignore_patterns("__pycache__", "artifacts")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, target / name, ignore=left)
    return target


def done(row: str, tree: Path) -> dict[str, Any]:
    """Does to `tree` what the page says; returns the recipe that it gives.

    A block of Python is the new file that the paragraph before it names; what else the paragraph
    names is a new file that stays empty. A block of diff changes the file named; one of TOML is a
    recipe.
    """
    recipe: dict[str, Any] = {}
    for kind, named, code in _blocks(text_of(row)):
        paths = [tree / path for path in named]
        if kind == "python":
            for path, text in zip(paths, [code, *("",) * len(paths)], strict=False):
                assert not path.exists(), f"{path} is no new file"
                path.parent.mkdir(exist_ok=True)
                path.write_text(text, encoding="utf-8")
        elif kind == "diff":
            patch(paths[0], code)
        elif kind == "toml":
            recipe = merged([recipe, tomllib.loads(code)])
    return recipe


def text_of(row: str) -> str:
    return (PAGES / f"{row}.md").read_text(encoding="utf-8")


def new_files(text: str) -> list[str]:
    """Files that a page makes."""
    return [path for kind, named, _ in _blocks(text) if kind == "python" for path in named]


def _blocks(text: str) -> Iterator[tuple[str, list[str], str]]:
    """Language, files named in the paragraph before, and code of every block."""
    for match in _FENCE.finditer(text):
        before = text[: match.start()].rstrip().rpartition("\n\n")[2]
        yield match["kind"], _PATH.findall(before), match["code"]


def patch(path: Path, code: str) -> None:
    """Applies hunks parted by `@@`: the lines kept and taken out must stand in the file once, one
    below the other."""
    text = "\n" + path.read_text(encoding="utf-8")
    for hunk in code.split("@@\n"):
        lines = [(line[:1], line[1:]) for line in hunk.splitlines()]
        before, after = (
            "".join(f"\n{rest}" for mark, rest in lines if mark != other) for other in "+-"
        )
        found = text.count(f"{before}\n")
        assert found == 1, f"{path} has these lines {found} times, not once:{before}"
        text = text.replace(f"{before}\n", f"{after}\n")
    path.write_text(text[1:], encoding="utf-8")


def merged(recipes: list[dict[str, Any]]) -> dict[str, Any]:
    """Tables are joined, lists of tables put one after the other."""
    out: dict[str, Any] = {}
    for recipe in recipes:
        for key, value in recipe.items():
            if isinstance(value, list):
                out[key] = [*out.get(key, []), *value]
            elif isinstance(value, dict):
                out[key] = {**out.get(key, {}), **value}
            else:
                out[key] = value
    return out


def toml(recipe: dict[str, Any]) -> str:
    """A recipe as text; what its tables hold as a table stands on one line."""
    plain, tables = [], []
    for key, value in recipe.items():
        if isinstance(value, dict):
            tables.append(f"[{key}]\n{_lines(value)}")
        elif isinstance(value, list):
            tables += [f"[[{key}]]\n{_lines(each)}" for each in value]
        else:
            plain.append(f"{key} = {json.dumps(value)}")
    return "\n\n".join(["\n".join(plain), *tables])


def _lines(table: dict[str, Any]) -> str:
    return "\n".join(f"{key} = {_value(value)}" for key, value in table.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_value(each)}" for key, each in value.items()) + " }"
    return json.dumps(value)
