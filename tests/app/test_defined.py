"""Every column that a page shows is defined in the catalogue, and what is defined is shown."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator

import house
import opening
import pandas as pd
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app.pages import PAGES
from app.views.leaderboard import standing_columns
from app.widgets import defined
from core import catalogue
from data.store import open_readonly

IDENTIFIERS = {
    *("", "#", "A", "B", "Bank", "Class", "Concept", "Edit", "Image", "Label", "Latent", "Method"),
    *("Metric", "Model", "Of", "Part", "Settings", "Split", "Stage", "Built from", "Importance"),
    *("class_id", "file", "name", "output", "reason"),
    *("picture", "Images of A", "Images of B", "Strongest images"),
}
"""columns of names, places, pictures and reasons: what a row is of, nothing that was measured"""
OF_A_DEFINITION = {"Meaning", "Formula", "Better"}
"""columns of the list of definitions itself"""
EDITED = {"e": "0:3,1:-2", "l": "0:1"}
"""edits, beside others that are pinned"""
State = tuple[str, dict[str, str], dict[str, object]]
"""a page, its address, and what is chosen in widgets that the address does not know"""
STATES: dict[str, list[State]] = {
    "tiny_store": [
        *((view, {}, {}) for view in PAGES),
        ("classes", {"im": "head.sobol"}, {}),
        ("concept", {}, {"near-0-0-kind": "lift"}),
        ("differences", {"k": "within"}, {}),
        ("differences", {"k": "tie"}, {}),
        ("intervene", {"h": "cav · sparse", "w": "gaussian", **EDITED}, {}),
        ("intervene", {"h": "cav · sparse", "w": "table", "t": "global", **EDITED}, {}),
        ("intervene", {"t": "latents"}, {}),
        ("leaderboard", {}, {"measures": list(standing_columns.GROUPS)[:-1]}),
    ],
    "families_store": [(view, {}, {}) for view in ("overview", "concepts", "classes", "metrics")],
    "explained_store": [(view, {}, {}) for view in ("concept", "classes", "leaderboard")],
}
"""those whose tables differ, tabs that are not opened by default among them"""
FILES = sorted((ROOT / "app").rglob("*.py"))
SOURCES = [path.read_text(encoding="utf-8") for path in FILES]
BY_HAND = re.compile(r"column_config\.(?:Number|Progress)Column\(\s*(?!\"#\")")
"""a column of numbers that are not the numbers of concepts"""


def _columns(at: AppTest) -> Iterator[tuple[str, str]]:
    """Title and hover of the columns of all tables."""
    for table in at.dataframe:
        config = json.loads(table.proto.columns or "{}")
        there = list(map(str, table.value.columns))
        for name in list(table.proto.column_order) or there:
            if name in there:
                told = config.get(name) or {}
                yield (told.get("label") or name).strip(), told.get("help") or ""


@pytest.mark.parametrize("store", STATES)
def test_every_column_that_is_shown_is_defined(
    store: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(request.getfixturevalue(store))])
    meanings = [one.meaning for one in catalogue.DEFINITIONS.values()]
    assert all(meanings)  # an empty one is said in every hover
    shown, lacking = 0, set()
    for view, params, chosen in STATES[store]:
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
        at.query_params.update(params)
        opening.choose(at, view)
        for widget, value in chosen.items():
            at.session_state[widget] = value
        at.run()
        assert not at.exception
        for title, about in _columns(at):
            shown += 1
            if not any(meaning in about for meaning in meanings):
                lacking.add((view, title))
    st.cache_resource.clear()
    named = IDENTIFIERS | OF_A_DEFINITION
    assert {one for one in lacking if one[1] not in named} == set()
    assert shown >= 50


@pytest.mark.parametrize("store", STATES)
def test_every_stored_measure_is_defined(store: str, request: pytest.FixtureRequest) -> None:
    with open_readonly(request.getfixturevalue(store)) as con:
        found = con.execute(
            "SELECT DISTINCT 'quality.' || measure FROM quality "
            "UNION SELECT DISTINCT 'metric.' || name FROM metric "
            "UNION SELECT DISTINCT 'fidelity.' || metric FROM fidelity "
            "UNION SELECT DISTINCT 'fidelity.' || metric FROM backbone_fidelity"
        ).fetchall()
    assert len(found) > 5
    # `catalogue.of` never fails
    assert {key for (key,) in found} <= catalogue.DEFINITIONS.keys()


@pytest.mark.parametrize("key", catalogue.DEFINITIONS)
def test_what_is_defined_is_shown(key: str) -> None:
    """A file of the app reads it: by its key, by its name in its table, or with its whole table."""
    table, _, name = key.partition(".")
    metric = key in {one.key for one in catalogue.METRICS.values()}
    of_mapping = "*METRICS" if metric else f'startswith("{table}.")'
    whole = "FLAGS.items()" if table == "flag" else of_mapping
    if table == "concept" and name in catalogue.CONCEPT_COLUMNS:
        whole = "CONCEPT_COLUMNS.items()"
    assert any(
        f'"{key}"' in text
        or f"'{key}'" in text
        or (f'f"{table}.{{' in text and f'"{name}"' in text)
        or whole in text
        for text in SOURCES
    )


def test_columns_of_numbers_are_made_in_one_place() -> None:
    """Whatever state their table is shown in, their words are those of the catalogue."""
    made = {p.name for p, text in zip(FILES, SOURCES, strict=True) if BY_HAND.search(text)}
    assert made == {"defined.py"}


def test_every_table_goes_where_formulas_are_taken_out() -> None:
    shown = {
        house.relative(path)
        for path in (ROOT / "app").rglob("*.py")
        if re.search(r"\.(dataframe|data_editor)\(", path.read_text(encoding="utf-8"))
    }

    assert shown == {"app/widgets/defined.py"}


def test_cells_columns_and_rows_of_a_table_are_no_formulas() -> None:
    frame = pd.DataFrame({"=a": ["=1+1", "wren"], "n": [1, 2]}, index=["@x", "y"])

    kept = defined.harmless(frame)
    assert kept.columns.tolist() == ["\u200b=a", "n"]
    assert kept["\u200b=a"].tolist() == ["\u200b=1+1", "wren"]
    assert kept.index.tolist() == ["\u200b@x", "y"]
    assert kept["n"].tolist() == [1, 2]
    assert frame.columns.tolist() == ["=a", "n"]
