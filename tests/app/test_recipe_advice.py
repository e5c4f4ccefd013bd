"""Every piece of a recipe that a page or the command line advises is one that can be read."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator

import pytest
from paths import ROOT

from core import recipe

# `[effects]`, `[effects] latents = 0`, `[[heads]]` inside a sentence
INLINE = re.compile(r"`(\[+[a-z_]+\]+)(?: ([a-z_]+)(?: = ([^`]+))?)?`")


def _advice() -> Iterator[tuple[str, str]]:
    """Where it stands, and the piece of TOML."""
    for package in ("app", "precompute", "data", "core"):
        for path in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(path.read_text("utf-8"))
            named = {
                target.id: node.value
                for node in tree.body
                if isinstance(node, ast.Assign)
                for target in node.targets
                if isinstance(target, ast.Name)
            }
            for node in ast.walk(tree):
                where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    for table, key, value in INLINE.findall(node.value):
                        yield where, f"{table}\n" + (f"{key} = {value or 0}" if key else "")
                if isinstance(node, ast.Call) and any(
                    k.arg == "language" and getattr(k.value, "value", "") == "toml"
                    for k in node.keywords
                ):
                    given = node.args[0]
                    given = named.get(given.id, given) if isinstance(given, ast.Name) else given
                    if isinstance(given, ast.Constant):
                        yield where, given.value


ADVICE = list(_advice())


def test_advice_is_found_in_sentences_and_in_boxes() -> None:
    files = {where.partition(":")[0] for where, _ in ADVICE}
    assert {
        "app/views/intervene/page.py",
        "app/views/depth/page.py",
        "app/views/metrics/page.py",
        "app/views/metrics/faithfulness.py",
    } <= files


@pytest.mark.parametrize("snippet", [text for _, text in ADVICE], ids=[at for at, _ in ADVICE])
def test_what_is_advised_parses(snippet: str) -> None:
    """With the tables beside it that it speaks of: a name, and the bank that a head reads."""
    given = tomllib.loads(snippet)
    heads = given.get("heads", [])
    banks = [f'[[banks]]\nmethod = "nmf"\nname = "{h["bank"]}"' for h in heads if "bank" in h]
    try:
        recipe.parse("\n".join(['name = "x"', snippet, *banks]))
    except ValueError as error:
        # a table alone lacks what a reader fills in; that it is one of a recipe's is what counts
        if "unknown key" in str(error) or "lacks" not in str(error):
            raise
