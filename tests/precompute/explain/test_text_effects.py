"""Words taken out of images' vectors and put in: measured in the build, shown on its page."""

from __future__ import annotations

import sys
from pathlib import Path

import opening
import pytest
import streamlit as st
import tiny_clips
import worded_stores
from paths import ROOT
from streamlit.testing.v1 import AppTest

from data import store


@pytest.fixture(scope="module")
def path(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("words")
    clip = tiny_clips.save("clip", out / "clip")
    file = worded_stores.vocabulary(out, worded_stores.FIRST)
    text = worded_stores.recipe(shapes, clip, f'vocabulary = "{file.as_posix()}"', layer="joint")
    return worded_stores.build(text + '[[banks]]\nmethod = "text"\n', out)


def test_ablation_lowers_the_word_and_insertion_raises_it(path: Path) -> None:
    with store.open_readonly(path) as con:
        rows = con.execute("FROM text_edit ORDER BY bank_id, concept_id, mode").df()
        banks = dict(con.execute("SELECT name, bank_id FROM bank").fetchall())
        n = con.execute("SELECT count(*) FROM image WHERE split = 'test'").fetchone()
    assert n is not None
    assert set(rows["bank_id"]) == {banks["text"]}
    assert len(rows) == 2 * len(worded_stores.FIRST)
    change = rows.pivot_table(index="concept_id", columns="mode", values="own")
    assert (change["insert"] > change["ablate"]).all()
    assert set(rows["n"]) == {n[0]}
    assert rows["top_changes"].isna().all()  # the tiny model cannot read the names of the classes
    with store.open_readonly(path) as con:
        said = con.execute(
            "SELECT message FROM notice WHERE subject = 'names of classes'"
        ).fetchall()
    assert "'finch' holds a word that the tokenizer does not know" in said[0][0]


def test_concept_page_says_both(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(path)])
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    opening.choose(at, "concept")
    at.query_params.update({"b": "text", "c": "1"})
    at.run()
    st.cache_resource.clear()  # closes the store
    assert not at.exception
    said = [c.value for c in at.caption]
    assert any("**Taken out of**" in s and "held-out images" in s for s in said)
    assert any("**Put into**" in s and "other words" in s for s in said)
