"""The page that compares two stores: what it pairs, what it says, where its links lead."""

from __future__ import annotations

import re
import shutil
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

from data import store
from data.queries import compare_models


@pytest.fixture
def two(tiny_store: Path, tmp_path: Path) -> Iterator[list[Path]]:
    """A store and a copy of it: the concepts of one bank in another order, and every activation
    moved by the same vector."""
    one, other = tmp_path / "one.duckdb", tmp_path / "other.duckdb"
    shutil.copy(tiny_store, one)
    shutil.copy(tiny_store, other)
    with duckdb.connect(str(other)) as con:
        n = con.execute("SELECT n_concepts FROM bank WHERE name = 'nmf'").fetchall()[0][0]
        for table in ("concept", "score", "example"):
            con.execute(
                f"UPDATE {table} SET concept_id = {n} - 1 - concept_id WHERE bank_id = "
                "(SELECT bank_id FROM bank WHERE name = 'nmf')"
            )
        con.execute("UPDATE pooled SET vector = list_transform(vector, lambda x: x + 0.5)")
    yield [one, other]
    st.cache_resource.clear()
    st.cache_data.clear()


def _open(monkeypatch: pytest.MonkeyPatch, stores: list[Path], **params: str) -> AppTest:
    named = [part for path in stores for part in ("--db", str(path))]
    monkeypatch.setattr(sys, "argv", ["main.py", *named])
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    at.query_params.update(params)
    opening.choose(at, "compare")
    at.query_params.update(params)
    return at.run()


def _said(at: AppTest) -> str:
    return "\n".join(
        e.value for kind in (at.markdown, at.caption, at.info, at.warning) for e in kind
    )


def test_a_store_beside_its_reordered_copy_is_paired_concept_by_concept(
    two: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = _open(monkeypatch, two, b="nmf", d="0.9", k="scores")
    assert not at.exception, at.exception[0].value
    table: pd.DataFrame = at.dataframe[0].value
    with store.open_readonly(two[0]) as con:
        alive = con.execute(
            "SELECT count(*) FROM concept JOIN bank USING (bank_id) WHERE bank.name = 'nmf' AND "
            "map_scale > 0"
        ).fetchall()[0][0]
        n = con.execute("SELECT n_concepts FROM bank WHERE name = 'nmf'").fetchall()[0][0]
        width = con.execute("SELECT width FROM backbone").fetchall()[0][0]
    assert len(table) == alive
    assert table["Scores"].to_numpy() == pytest.approx(1)
    ids = [[int(str(title).rsplit("#", 1)[1]) for title in table[side]] for side in "AB"]
    assert ids[1] == [n - 1 - i for i in ids[0]]
    # the same vector was added to every image
    assert table["Shift"].to_numpy() == pytest.approx(0.5 * np.sqrt(width))
    assert "a shared space" in _said(at)
    assert re.search(r"Over \d+ images, whose activations", _said(at))
    assert [m.value for m in at.metric[:3]] == [str(alive), "0", "0"]


def test_images_without_stored_activations_are_counted_out(
    two: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(str(two[1])) as con:
        n = con.execute("SELECT count(*) FROM pooled").fetchall()[0][0]
        con.execute("DELETE FROM pooled WHERE image_id % 3 = 0")
        left = con.execute("SELECT count(*) FROM pooled").fetchall()[0][0]
    at = _open(monkeypatch, two, b="nmf")
    assert not at.exception, at.exception[0].value
    assert f"Over {left} of {n} images, whose activations both stores keep" in _said(at)


def test_one_store_compares_two_of_its_banks(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = _open(monkeypatch, [tiny_store], b="nmf", j="sae", k="cosine", d="0")
    assert not at.exception, at.exception[0].value
    with store.open_readonly(tiny_store) as con:
        banks = con.execute("SELECT name, bank_id FROM bank").fetchall()
        directions = [compare_models.directions(con, dict(banks)[name]) for name in ("nmf", "sae")]
        alive = [
            compare_models.concepts(con, dict(banks)[name], most=99)["concept_id"].to_numpy()
            for name in ("nmf", "sae")
        ]
    unit = [d / np.linalg.norm(d, axis=1, keepdims=True) for d in directions]
    cosine = unit[0][alive[0]] @ unit[1][alive[1]].T
    table: pd.DataFrame = at.dataframe[0].value
    assert table["Cosine"].max() <= cosine.max() + 1e-6
    assert table["Cosine"].sum() <= cosine.max(1).sum() + 1e-6
    same = _open(monkeypatch, [tiny_store], b="nmf", j="nmf")
    assert "same bank" in _said(same)


def test_other_images_are_not_compared(two: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    with duckdb.connect(str(two[1])) as con:
        con.execute("UPDATE image SET file = 'elsewhere/' || file")
    at = _open(monkeypatch, two, b="nmf")
    assert not at.exception, at.exception[0].value
    assert "share 0 images" in _said(at)


@pytest.mark.parametrize("asked", ["<b>nowhere", "x" * 999, "'; --"])
def test_unknown_partners_are_told(
    asked: str, two: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    at = _open(monkeypatch, two, n=asked, j=asked, k=asked, d=asked, p="٣")
    assert not at.exception, at.exception[0].value
    assert "another is shown" in _said(at)
