"""Every column that a page shows is defined in the catalogue, and what is defined is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import opening
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app.pages import PAGES
from core import catalogue

IDENTIFIERS = {
    *("", "#", "A", "B", "Bank", "Class", "Concept", "Edit", "Image", "Label", "Latent", "Method"),
    *("Metric", "Model", "Of", "Part", "Settings", "Split", "Stage", "Built from", "Importance"),
    *("class_id", "file", "name", "output", "reason"),
    *("picture", "Images of A", "Images of B", "Strongest images"),
}
"""columns of names, places, pictures and reasons: what a row is of, nothing that was measured"""
OF_A_DEFINITION = {"Meaning", "Formula", "Better"}
"""columns of the list of definitions itself"""
SOURCES = [path.read_text(encoding="utf-8") for path in (ROOT / "app").rglob("*.py")]


def _columns(at: AppTest) -> Iterator[tuple[str, str]]:
    """Title and hover of the columns of all tables."""
    for table in at.dataframe:
        config = json.loads(table.proto.columns or "{}")
        there = list(map(str, table.value.columns))
        for name in list(table.proto.column_order) or there:
            if name in there:
                told = config.get(name) or {}
                yield (told.get("label") or name).strip(), told.get("help") or ""


def test_every_column_that_is_shown_is_defined(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(tiny_store)])
    meanings = [one.meaning for one in catalogue.DEFINITIONS.values()]
    assert all(meanings)  # an empty one is said in every hover
    lacking = set()
    for view in PAGES:
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
        opening.choose(at, view)
        at.run()
        assert not at.exception
        for title, about in _columns(at):
            if not any(meaning in about for meaning in meanings):
                lacking.add(title)
    st.cache_resource.clear()
    assert lacking <= IDENTIFIERS | OF_A_DEFINITION


@pytest.mark.parametrize("key", catalogue.DEFINITIONS)
def test_what_is_defined_is_shown(key: str) -> None:
    """A file of the app reads it: by its key, by its name in its table, or with its whole table."""
    table, _, name = key.partition(".")
    metric = key in {one.key for one in catalogue.METRICS.values()}
    of_mapping = "*METRICS" if metric else f'startswith("{table}.")'
    whole = "FLAGS.items()" if table == "flag" else of_mapping
    assert any(
        f'"{key}"' in text
        or f"'{key}'" in text
        or (f'f"{table}.{{' in text and f'"{name}"' in text)
        or whole in text
        for text in SOURCES
    )
