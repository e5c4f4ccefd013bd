"""No measure that a store holds is left out of the page of metrics."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import duckdb
import opening
import pandas as pd
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app.views.metrics import faithfulness, lines
from data.queries import metrics
from data.store import open_readonly


def row(name: str, scope: str = "bank", variant: str = "{}") -> dict[str, str]:
    return {"name": name, "scope": scope, "variant": variant}


@pytest.fixture
def stored(tiny_store: Path, tmp_path: Path) -> Path:
    """The store with one more measure of its first bank, that nobody defined, on another split than
    the page chooses."""
    path = Path(shutil.copy(tiny_store, tmp_path / "more.duckdb"))
    with duckdb.connect(str(path)) as con:
        con.execute(
            "INSERT INTO metric BY NAME SELECT * REPLACE ('novelty' AS name, 0.625 AS value, "
            "'{\"n\": 3}' AS variant, 'shifted' AS split) FROM metric WHERE scope = 'bank' LIMIT 1"
        )
    return path


def test_what_is_in_no_question_has_one_of_its_own() -> None:
    asked = lines.QUESTIONS[0].lines[0].name
    below = [row(name, "backbone") for name in lines.ELSEWHERE]
    assert lines.others(pd.DataFrame([row(asked), *below])) == []
    # of a bank they stand nowhere below
    found = [
        row(asked),
        *below,
        row("deletion"),
        row("novelty"),
        row("novelty", "head", '{"n": 3}'),
    ]
    (more,) = lines.others(pd.DataFrame(found))
    assert [(line.label, line.variant) for line in more.lines] == [
        (lines.of("metric.deletion").title, "{}"),
        ("novelty", "{}"),
        ("novelty, n 3", '{"n": 3}'),
    ]
    assert more.caption.endswith("called by name: novelty.")
    (known,) = lines.others(pd.DataFrame([row("deletion")]))
    assert "definition" not in known.caption


def test_what_stands_below_the_questions_is_named_once() -> None:
    assert {"relevance", *faithfulness.NAMES} == set(lines.ELSEWHERE)


def test_every_stored_measure_stands_on_the_page(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_readonly(stored) as con:
        found = metrics.measured(con)
    assert found["name"].nunique() > 10
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(stored)])
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    opening.choose(at, "metrics")
    at.run()
    st.cache_resource.clear()
    assert not at.exception
    asked = [one.title for one in (*lines.QUESTIONS, *lines.others(found))]
    assert [one.value for one in at.subheader if one.value in asked][-1] == "Other measures"
    assert any("called by name: novelty" in one.value for one in at.caption)
    shown = {str(column) for table in at.dataframe for column in table.value.columns}
    assert {line.label for line in lines.others(found)[0].lines} <= shown
