"""A number of the store stands on every page in the unit that is written beside it."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import opening
import pandas as pd
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

from data import store

Page = Callable[..., AppTest]


@pytest.fixture
def page(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    def open_(view: str, **params: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(tiny_store)])
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
        at.query_params.update(params)
        opening.choose(at, view)
        at.query_params.update(params)
        at.run()
        assert not at.exception, at.exception[0].value
        return at

    yield open_
    st.cache_resource.clear()  # closes the store


@pytest.fixture(scope="module")
def con(tiny_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with store.open_readonly(tiny_store) as opened:
        yield opened


def _table(at: AppTest, column: str) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The first table with the column, and how that column is configured."""
    for element in at.dataframe:
        if column in element.value:
            config = json.loads(element.proto.columns or "{}")
            return element.value, config.get(column) or {}
    raise AssertionError(f"no table has a column {column!r}")


def _sent(at: AppTest, component: str) -> dict[str, Any]:
    for element in at.get("bidi_component"):
        if element.proto.component_name == component:
            return dict(json.loads(element.proto.json))
    raise AssertionError(f"nothing was sent to {component}")


def _values(con: duckdb.DuckDBPyConnection, sql: str, *given: object) -> dict[Any, float]:
    """Of two columns: key -> value."""
    rows = con.execute(sql, list(given)).fetchall()
    assert rows, sql
    return {key: float("nan") if value is None else value for key, value in rows}


def _same(found: dict[Any, float], told: dict[Any, float], *, scale: float = 1.0) -> None:
    """Equal, and not by being 0 or missing everywhere."""
    assert any(value == value and value not in (0, 1) for value in told.values())
    assert found == pytest.approx({k: scale * v for k, v in told.items()}, nan_ok=True)


def test_overview_shows_accuracy_in_per_cent(page: Page, con: duckdb.DuckDBPyConnection) -> None:
    told = _values(
        con,
        "SELECT split, accuracy FROM accuracy WHERE model = 'backbone' AND target = 'label'",
    )
    table, _ = _table(page("overview"), "Model")
    row = table[table["Model"] == "backbone"].iloc[0]
    assert all(row[split].split()[1] == "%" for split in told)
    _same({split: float(row[split].split()[0]) for split in told}, told, scale=100)


@pytest.mark.parametrize(
    "share", ["frequency", "density", "class_share", "image_share", "border_share"]
)
def test_concepts_shows_shares_in_per_cent(
    page: Page, con: duckdb.DuckDBPyConnection, share: str
) -> None:
    told = _values(con, f"SELECT concept_id, {share} FROM concept WHERE bank_id = 1")
    table, config = _table(page("concepts", v="table", b=_bank(con, 1)), share)
    assert config["label"].endswith(", %")
    _same(table.set_index("concept_id")[share].to_dict(), told, scale=100)


def test_concept_shows_its_share_in_one_image_in_per_cent(
    page: Page, con: duckdb.DuckDBPyConnection
) -> None:
    told = _values(con, "SELECT 2, image_share FROM concept WHERE bank_id = 1 AND concept_id = 2")
    shown = {m.label: m.value for m in page("concept", b=_bank(con, 1), c="2").metric}
    value, unit = shown["In one image"].split()
    assert unit == "%"
    assert float(value) == pytest.approx(100 * told[2], rel=5e-3)


def test_image_sends_scores_as_they_are_with_the_codes_unit(
    page: Page, con: duckdb.DuckDBPyConnection
) -> None:
    for bank_id, unit in _values(con, "SELECT bank_id, code_unit FROM bank").items():
        told = _values(
            con,
            "SELECT concept_id, score FROM score WHERE bank_id = ? AND image_id = 3 AND score <> 0",
            bank_id,
        )
        sent = _sent(page("image", b=_bank(con, bank_id), i="3"), "lucidarium.image_view")
        assert sent["unit"] == unit
        scores = _numbers(sent["concepts"]["scores"])
        found = dict(zip(sent["concepts"]["ids"], scores, strict=True))
        _same({c: found[c] for c in told}, told)


def test_classes_shows_prevalence_in_per_cent_and_contributions_in_logits(
    page: Page, con: duckdb.DuckDBPyConnection
) -> None:
    at = page("classes", h=_head(con, 0), y="0")
    told = _values(
        con, "SELECT concept_id, prevalence FROM dominance WHERE head_id = 0 AND split = 'train'"
    )
    table, config = _table(at, "prevalence, train")
    assert config["label"].endswith(", %")
    found = table.set_index("id")["prevalence, train"].to_dict()
    _same({c: found[c] for c in told}, told, scale=100)
    told = _values(
        con,
        """
        SELECT concept_id, avg(weight * coalesce(score, 0)) FROM head_weight
        JOIN head USING (head_id) JOIN head_prediction guess USING (head_id)
        LEFT JOIN score USING (bank_id, concept_id, image_id)
        WHERE head_id = 0 AND head_weight.class_id = 0 AND guess.class_id = 0 AND weight <> 0
        GROUP BY concept_id
        """,
    )
    table, config = _table(at, "of_size")
    assert config["label"].endswith(", %")
    parts = table[table["kind"] == "concept"].set_index("concept_id")
    _same({c: parts["value"][c] for c in told}, told)
    total = sum(abs(v) for v in told.values())
    _same(parts["of_size"].to_dict(), {c: abs(v) / total for c, v in told.items()}, scale=100)


def test_differences_shows_prevalence_in_per_cent(
    page: Page, con: duckdb.DuckDBPyConnection
) -> None:
    at = page("differences", a="test~~", z="train~~", b=_bank(con, 2))
    for column, split in (("Active in A", "test"), ("Active in B", "train")):
        told = _values(
            con,
            """
            SELECT concept_id, avg(CASE WHEN score > 0 THEN 1.0 ELSE 0.0 END)
            FROM concept CROSS JOIN image LEFT JOIN score USING (bank_id, concept_id, image_id)
            WHERE bank_id = 2 AND split = ? GROUP BY concept_id
            """,
            split,
        )
        table, config = _table(at, column)
        assert "%" in config["label"] or "per cent" in config["help"]
        _same(table.set_index("#")[column].to_dict(), told, scale=100)


def test_intervene_sends_scores_as_they_are_and_probabilities_of_1(
    page: Page, con: duckdb.DuckDBPyConnection
) -> None:
    sent = _sent(page("intervene", h=_head(con, 0), i="3"), "lucidarium.head_lab")
    told = _values(
        con,
        """
        SELECT concept_id, coalesce(score, 0)
        FROM head JOIN (SELECT DISTINCT head_id, concept_id FROM head_weight WHERE weight <> 0)
        USING (head_id) LEFT JOIN (SELECT * FROM score WHERE image_id = 3)
        USING (bank_id, concept_id) WHERE head_id = 0
        """,
    )
    unit = con.execute("SELECT code_unit FROM bank JOIN head USING (bank_id) WHERE head_id = 0")
    assert (sent["unit"],) == unit.fetchone()
    _same({c["id"]: c["score"] for c in sent["concepts"] if c["id"] in told}, told)
    logits = _values(
        con,
        """
        SELECT class_id, any_value(bias) + coalesce(sum(weight * score), 0)
        FROM head JOIN head_bias USING (head_id) LEFT JOIN head_weight USING (head_id, class_id)
        LEFT JOIN (SELECT * FROM score WHERE image_id = 3) USING (bank_id, concept_id)
        WHERE head_id = 0 GROUP BY class_id
        """,
    )
    e = np.exp([logits[c["id"]] for c in sent["classes"]])
    p = _numbers(sent["reply"]["p"])
    np.testing.assert_allclose(p, e / e.sum(), rtol=1e-6)


@pytest.mark.parametrize(("measure", "scale"), [("named", 100), ("r2", 1)])
def test_leaderboard_shows_shares_in_per_cent(
    page: Page, con: duckdb.DuckDBPyConnection, measure: str, scale: int
) -> None:
    told = _values(
        con,
        """
        SELECT name, value FROM quality JOIN bank USING (bank_id)
        WHERE measure = ? AND value IS NOT NULL
        """,
        measure,
    )
    table, config = _table(page("leaderboard"), measure)
    assert config["label"].endswith(", %") == (scale == 100)
    found = table[table["what"] == "bank"].set_index("row")[measure].to_dict()
    _same({name: found[name] for name in told}, told, scale=scale)


def test_metrics_shows_every_value_as_it_is_with_its_n(
    page: Page, con: duckdb.DuckDBPyConnection
) -> None:
    at = page("metrics")
    told = con.execute(
        "SELECT value, n FROM metric WHERE concept_id IS NULL ORDER BY value, n"
    ).df()
    table, config = _table(at, "Settings")
    assert "%" not in json.dumps(config.get("label", ""))
    found = table.sort_values(["Value", "n"])
    np.testing.assert_allclose(found["Value"], told["value"])
    np.testing.assert_array_equal(found["n"], told["n"])


def test_depth_shows_auc_as_it_is(page: Page, con: duckdb.DuckDBPyConnection) -> None:
    at = page("depth")
    told, found = {}, {}
    for position, layer in _values(con, "SELECT DISTINCT position, layer FROM depth").items():
        rows = _values(con, "SELECT labelled_id, auc FROM depth WHERE position = ?", position)
        table, config = _table(at, f"at {position}")
        assert str(layer).endswith(config["label"])
        assert "AUC" in config["help"]
        told |= {(position, label): auc for label, auc in rows.items()}
        column = table.set_index("labelled_id")[f"at {position}"]
        found |= {(position, label): auc for label, auc in column.items()}
    _same(found, told)


def test_compare_shows_prevalence_in_per_cent(page: Page, con: duckdb.DuckDBPyConnection) -> None:
    """Every concept stands in the table of pairs or in that of concepts left alone."""
    at = page("compare", b=_bank(con, 1), j=_bank(con, 2))
    for side, bank_id in (("A", 1), ("B", 2)):
        column = f"in {side}, %"
        assert _table(at, column)[1]["label"] == column
        shares = [t.value[column] for t in at.dataframe if column in t.value]
        told = con.execute(
            """
            SELECT avg(CASE WHEN score > 0 THEN 1.0 ELSE 0.0 END) AS share
            FROM concept CROSS JOIN image LEFT JOIN score USING (bank_id, concept_id, image_id)
            WHERE bank_id = ? GROUP BY concept_id ORDER BY share
            """,
            [bank_id],
        ).fetchall()
        found = dict(enumerate(sorted(pd.concat(shares))))
        _same(found, dict(enumerate(share for (share,) in told)), scale=100)


def _bank(con: duckdb.DuckDBPyConnection, bank_id: int) -> str:
    return str(con.execute("SELECT name FROM bank WHERE bank_id = ?", [bank_id]).fetchall()[0][0])


def _head(con: duckdb.DuckDBPyConnection, head_id: int) -> str:
    return str(con.execute("SELECT name FROM head WHERE head_id = ?", [head_id]).fetchall()[0][0])


def _numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f8")
