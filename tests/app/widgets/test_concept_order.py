"""The concept list by every column of its table, over whole banks, in both directions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import opening
import pandas as pd
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app.widgets import concept_order
from app.widgets.concept_names import SOURCES
from core.catalogue import CONCEPT_COLUMNS
from data import store
from data.queries import build, concepts
from data.queries.concepts import Filters

ALL = Filters(dead=False)
TRUST = list(SOURCES)[:-1]


@pytest.fixture(scope="module")
def con(tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The tiny store with ties, gaps and words put in, so that each order has something to do."""
    path = tmp_path_factory.mktemp("orders") / "gaps.duckdb"
    path.write_bytes(tiny_store.read_bytes())
    with duckdb.connect(str(path)) as edit:
        edit.execute(
            """
            UPDATE concept SET
                name_auc = CASE WHEN concept_id % 3 > 0 THEN (concept_id % 4) / 4 END,
                name_n = CASE WHEN concept_id % 3 > 0 THEN 10 + concept_id % 5 END,
                second_auc = CASE WHEN concept_id % 4 > 0 THEN (concept_id % 5) / 9 END,
                second_id = CASE WHEN concept_id % 2 > 0 THEN concept_id % 3 END,
                name_iou = CASE WHEN concept_id % 2 > 0 THEN (concept_id % 7) / 7 END,
                test_accuracy = CASE WHEN concept_id <> 1 THEN 1 / (1 + concept_id) END,
                flags = ['', 'rare', 'dead', 'border, rare'][1 + concept_id % 4],
                name_source = ['unnamed', 'word', 'label', 'vocabulary'][1 + concept_id % 4],
                name = ['Zebra', 'ant', NULL, 'Bee'][1 + concept_id % 4]
            """
        )
        edit.execute(
            """
            INSERT INTO concept_name
            SELECT bank_id, concept_id, 'vocabulary', 'words.txt', 0,
                ['Moss', 'fern', 'Reed'][1 + concept_id % 3], sin(concept_id), cos(concept_id),
                0, false
            FROM concept WHERE concept_id % 5 > 0
            """
        )
    opened = store.open_readonly(path)
    yield opened
    opened.close()


def _expected(found: pd.DataFrame, key: str) -> pd.Series:
    """What the order compares, from the facts that the table shows; missing is NaN or None."""
    if key == "by":
        place = {source: at for at, source in enumerate(TRUST)}
        return found["name_source"].map(place).astype(float)
    if key == "margin":
        return found["name_auc"] - found["second_auc"]
    if key == "gap":
        return found["present_q50"] - found["absent_q50"]
    values = found[{"id": "concept_id"}.get(key, key)]
    if key in concept_order.TEXTS:
        return values.where(values != "").str.lower()
    return values.astype(float)


def _fits(values: pd.Series, *, rising: bool) -> bool:
    """Ordered, what is missing last."""
    known = values.notna().to_numpy()
    if not (np.diff(known.astype(int)) <= 0).all():
        return False
    present = values[known]
    return bool(present.is_monotonic_increasing if rising else present.is_monotonic_decreasing)


def test_every_column_of_the_table_has_an_order() -> None:
    assert set(CONCEPT_COLUMNS) <= set(concepts.ORDERS)
    assert set(concept_order.LABELS) == set(concepts.ORDERS)
    words = list(concept_order.LABELS.values())
    assert len(words) == len(set(words))


@pytest.mark.parametrize("rising", [True, False])
@pytest.mark.parametrize("key", [k for k in concepts.ORDERS if k != "people"])
def test_an_order_holds_over_the_whole_bank(
    con: duckdb.DuckDBPyConnection, key: str, rising: bool
) -> None:
    for bank in build.banks(con):
        ids = concepts.matching(con, bank.bank_id, filters=ALL, order=key, rising=rising)
        found = concepts.concepts(con, bank.bank_id, ids)
        assert len(found) == len(set(ids.tolist())) > 3
        assert _fits(_expected(found, key), rising=rising)


@pytest.mark.parametrize("key", ["name_auc", "flags", "name", "by", "cosine", "second"])
def test_a_concept_without_a_value_comes_last_either_way(
    con: duckdb.DuckDBPyConnection, key: str
) -> None:
    for rising in (True, False):
        ids = concepts.matching(con, 0, filters=ALL, order=key, rising=rising)
        values = _expected(concepts.concepts(con, 0, ids), key)
        assert pd.isna(values.iloc[-1])
        assert pd.notna(values.iloc[0])


def test_what_people_said_orders_before_what_they_did_not(con: duckdb.DuckDBPyConnection) -> None:
    def listed(*, rising: bool) -> list[int]:
        found = concepts.matching(
            con, 0, filters=ALL, order="people", rising=rising, people=(4, 1, 3)
        )
        return [int(c) for c in found]

    up, down = listed(rising=True), listed(rising=False)
    assert up[:3] == [4, 1, 3]
    assert down[:3] == [3, 1, 4]
    assert up[3:] == down[3:] == sorted(up[3:])


def test_orders_offered_are_those_with_a_value(con: duckdb.DuckDBPyConnection) -> None:
    for bank in build.banks(con):
        ids = concepts.matching(con, bank.bank_id, filters=ALL, order="id", rising=True)
        found = concepts.concepts(con, bank.bank_id, ids)
        offered = set(concepts.orders(con, bank.bank_id))
        for key in set(concepts.ORDERS) - {"people"}:
            assert (key in offered) == bool(_expected(found, key).notna().any()), key


def test_unknown_order_is_refused(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(KeyError):
        concepts.matching(con, 0, filters=ALL, order="frequency; DROP TABLE concept")


@pytest.mark.parametrize(
    ("asked", "key", "rising"),
    [
        (None, "frequency", False),
        ("mean", "mean", False),
        ("mean-asc", "mean", True),
        ("name", "name", True),
        ("name-desc", "name", False),
        ("mean-sideways", "mean", False),
        ("x'; --", "frequency", False),
        ("rarest-asc", "frequency", False),
    ],
)
def test_an_address_says_column_and_direction(
    asked: str | None, key: str, rising: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(concept_order.address, "param", {"o": asked}.get)
    assert (concept_order.key(), concept_order.rising()) == (key, rising)


def test_the_page_turns_the_order_round(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(tiny_store)])
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    opening.choose(at, "concepts")
    at.query_params["o"] = "mean"
    at.run()
    down = at.dataframe[0].value["mean"]
    assert down.is_monotonic_decreasing
    at.button(key="direction").click().run()
    assert at.query_params["o"] == "mean-asc"
    assert at.dataframe[0].value["mean"].tolist() == down.tolist()[::-1]
    at.selectbox(key="order").select("std").run()
    assert at.query_params["o"] == "std"
    assert at.dataframe[0].value["std"].is_monotonic_decreasing
    assert not at.exception
    st.cache_resource.clear()  # closes the store
