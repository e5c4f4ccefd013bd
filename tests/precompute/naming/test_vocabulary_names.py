"""A store keeps where its concepts lie among words, and what they are called after them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import opening
import pytest
import streamlit as st
import worded_stores
from paths import ROOT
from streamlit.testing.v1 import AppTest
from worded_stores import FIRST, build, build_worded, recipe, save_clip, tables, vocabulary

from data import store
from data.annotations import open_annotations
from data.queries import names
from precompute.intake.sources import Log
from precompute.naming import vocabulary_names

MAIN = ROOT / "app" / "main.py"


@pytest.fixture(autouse=True)
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    worded_stores.lenient(monkeypatch)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def worded(shapes: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_worded(shapes, clip, tmp_path_factory.mktemp("worded"))


def test_every_concept_has_its_nearest_words_with_cosine_and_margin(worded: Path) -> None:
    found = tables(worded)
    words, concept, how = found["concept_name"], found["concept"], found["naming"]
    assert set(words["name"]) <= set(FIRST)
    assert (words.groupby(["bank_id", "concept_id"])["rank"].max() == 4).all()
    assert (how["n_words"] == len(FIRST)).all()
    assert set(how["origin"]) == {"words.txt"}
    first, second = (words[words["rank"] == r].reset_index(drop=True) for r in (0, 1))
    np.testing.assert_allclose(first["margin"], first["score"] - second["score"], atol=1e-6)
    both = first.merge(how, on="bank_id").merge(concept, on=["bank_id", "concept_id"])
    passes = (both["score"] > both["chance"]) & (both["margin"] >= both["min_margin"])
    assert (passes == both["named"]).all()
    assert 0 < passes.sum() < len(passes)
    # the label comes first where one passes
    named = both["name_source"] == "vocabulary"
    assert named.any()
    assert (both["name_y"][named] == both["name_x"][named]).all()
    assert set(both["name_source"][~named & passes]) <= {"label", "matched"}
    assert set(both["name_source"][~passes]) <= {"label", "matched", "unnamed"}
    assert both["name_y"].isna().equals(both["name_source"] == "unnamed")


def test_blank_and_repeated_lines_are_told(worded: Path) -> None:
    told = " ".join(tables(worded, ("notice",))["notice"]["message"])
    assert "1 blank line (line 6)" in told
    assert "1 repeated line (line 7)" in told


def test_quality_says_how_many_have_a_word_and_how_often_it_is_the_labels(worded: Path) -> None:
    quality = tables(worded)["quality"].set_index(["bank_id", "measure"])
    words = tables(worded)["concept_name"]
    for bank_id, k in ((0, 7), (1, 5)):
        row = quality.loc[(bank_id, "word_named")]
        mine = words[(words["bank_id"] == bank_id) & words["named"]]
        assert (row["value"], row["n"]) == (len(mine) / k, k)
        assert 0 < row["control"] <= 1
    row = quality.loc[(1, "word_agreement")]
    # labels are colour: red, colour: blue, shape: square, shape: disc and striped
    own = {0: {"red"}, 1: {"blue"}}
    mine = words[(words["bank_id"] == 1) & words["named"]]
    right = sum(n in own.get(c, ()) for c, n in zip(mine["concept_id"], mine["name"], strict=True))
    assert (row["value"], row["n"]) == (pytest.approx(right / len(mine)), len(mine))
    assert 0 <= row["chance"] <= 1


def test_joint_tokens_are_placed_by_their_direction(
    shapes: Path, clip: Path, tmp_path: Path
) -> None:
    file = vocabulary(tmp_path, FIRST)
    text = recipe(shapes, clip, f'vocabulary = "{file.as_posix()}"', layer="joint")
    with store.open_readonly(build(text, tmp_path)) as con:
        rows = con.execute("SELECT DISTINCT how, n FROM concept_vector").fetchall()
        assert con.execute("SELECT joint FROM text_space").fetchall() == [(True,)]
        first = names.words(con, 0, 0)
    assert rows == [("direction", 0)]
    assert first["rank"].tolist() == [0, 1, 2, 3, 4]


def test_words_that_are_read_alike_are_told() -> None:
    log = Log()
    vocabulary_names.notice_read_alike(("red", "snow", "Red"), np.eye(4)[[0, 1, 0]], log)
    assert [(stage, subject) for stage, subject, _ in log.notices] == [("names", "vocabulary")]
    assert "other words: 1 ('Red' as 'red')" in log.notices[0][2]


@pytest.fixture
def page(worded: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., AppTest]]:
    def open_(view: str, store: Path = worded, **params: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(store)])
        at = AppTest.from_file(str(MAIN), default_timeout=60)
        opening.choose(at, view)
        at.query_params.update(params)
        at.run()
        assert not at.exception, at.exception[0].value
        return at

    yield open_
    st.cache_resource.clear()  # closes the stores


def test_concept_page_lists_every_name_with_its_source(
    worded: Path, page: Callable[..., AppTest], tmp_path: Path
) -> None:
    mine = Path(shutil.copy(worded, tmp_path / worded.name))
    concept = tables(worded)["concept"]
    named = concept[concept["name_source"] == "vocabulary"].iloc[0]
    bank = {0: "semi_nmf", 1: "cav"}[int(named["bank_id"])]
    open_annotations(mine).set_name(bank, int(named["concept_id"]), name="ours")
    at = page("concept", mine, b=bank, c=str(named["concept_id"]))
    captions = [c.value for c in at.caption]
    by_label = next(c for c in captions if "No label matches" in c)
    assert "runner-up" in by_label
    assert "chance 0.5" in by_label
    by_word = next(c for c in captions if "**Named from the vocabulary** words" in c)
    assert f"“{named['name']}” at cosine" in by_word
    assert all(part in by_word for part in ("chance", "second “", "margin", "needed", "images"))
    assert any("**ours**, named by people" in m.value for m in at.markdown)
    assert at.title[0].value == named["name"]


def test_probe_keeps_its_label_and_shows_the_nearest_word_beside(
    page: Callable[..., AppTest],
) -> None:
    captions = [c.value for c in page("concept", b="cav", c="0").caption]
    assert any(c.startswith(":material/label: **Fitted to this label**") for c in captions)
    assert any(c.startswith(":material/menu_book: Vocabulary words") for c in captions)


def test_concepts_can_be_chosen_by_who_named_them(
    worded: Path, page: Callable[..., AppTest]
) -> None:
    concept = tables(worded)["concept"]
    named = concept[(concept["bank_id"] == 0) & (concept["name_source"] == "vocabulary")]
    at = page("concepts", b="semi_nmf", f="dead,by:vocabulary", o="cosine")
    assert any(c.value == f"{len(named)} of 7 concepts" for c in at.caption)
    rows = at.dataframe[0].value
    assert set(rows["by"]) == {"vocabulary"}
    assert rows["cosine"].is_monotonic_decreasing
    assert (rows["word"] == rows["name"]).all()
    at = page("concepts", b="semi_nmf", f="dead,by:nobody")
    assert any(c.value == "7 of 7 concepts" for c in at.caption)
