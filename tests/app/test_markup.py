"""Whatever a store says is shown letter by letter: no page reads it as Markdown."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import opening
import pytest
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app.pages import PAGES

EVIL = "![e](http://evil.test/x.png) <b>:red[e]"
RAW = re.compile(r"(?<!\\)(!\[e|\]\(http|:red\[|<b>)")
READ = {"body", "label", "help", "content", "caption", "captions"}
"""fields of an element that are read as Markdown; tables keep theirs in "columns" """
WORDS = {
    "bank": "name code_unit",
    "build": "name dataset",
    "backbone": "name layer why",
    "class": "name",
    "concept": "name",
    "head": "name about",
    "image": "file note",
    "labelled_concept": "name grouping part",
    "method": "title about unit",
    "notice": "stage subject message",
    "skipped": "file reason",
    "stage": "name unit",
}
"""texts of a store that people, file names, models and recipes choose"""
SHOWN: dict[str, tuple[dict[str, str], ...]] = {
    "concepts": ({}, {"v": "gallery"}),
    "differences": ({}, {"a": "test~0~", "z": "~1~right", "k": "energy"}),
    "intervene": ({"e": "0:1"}, {"t": "global"}, {"t": "latents"}),
}


@pytest.fixture(scope="module")
def hostile(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(shutil.copy(tiny_store, tmp_path_factory.mktemp("hostile") / "hostile.duckdb"))
    with duckdb.connect(str(path)) as con:
        for table, columns in WORDS.items():
            for column in columns.split():
                con.execute(f'UPDATE "{table}" SET {column} = {column} || $e', {"e": f" {EVIL}"})
    return path


def read(message: Any, kind: str) -> Iterator[tuple[str, str]]:
    """Field and text of everything in an element that is read as Markdown."""
    for field, value in message.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            continue
        for one in [value] if isinstance(value, str | bytes) or not _many(value) else value:
            if hasattr(one, "ListFields"):
                yield from read(one, kind)
            elif field.name in READ and isinstance(one, str):
                yield f"{kind}.{field.name}", one
            elif kind == "Dataframe" and field.name == "columns":
                for column in json.loads(one).values():
                    yield "Dataframe.help", column.get("help") or ""


def _many(value: Any) -> bool:
    return hasattr(value, "__iter__") and not hasattr(value, "ListFields")


def elements(node: Any) -> Iterator[tuple[str, Any]]:
    if hasattr(getattr(node, "proto", None), "ListFields"):
        yield type(node).__name__, node.proto
    for child in getattr(node, "children", {}).values():
        yield from elements(child)


@pytest.mark.parametrize("view", PAGES)
def test_a_page_reads_nothing_of_a_store_as_markdown(
    view: str, hostile: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(hostile)])
    found, n = {}, 0
    for params in SHOWN.get(view, ({},)):
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
        opening.choose(at, view)
        at.query_params.update(params)
        at.run()
        assert not at.exception, at.exception[0].value
        for kind, proto in elements(at._tree):
            for place, text in read(proto, kind):
                n += "e\\]" in text
                if RAW.search(text):
                    found[place] = text
    assert found == {}
    assert n  # what is hostile was shown
