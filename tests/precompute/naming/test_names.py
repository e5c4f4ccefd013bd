"""A store keeps where its concepts lie among words, and takes other words without a new build."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import opening
import pandas as pd
import pytest
import streamlit as st
import tiny_clips
from paths import ROOT
from streamlit.testing.v1 import AppTest

from core.naming import vocabulary as naming_text
from core.recipe import parse
from data import store
from data.annotations import open_annotations
from data.queries import names as ask
from precompute import __main__ as cli
from precompute import pipeline
from precompute.doctor import examine
from precompute.intake.sources import Log
from precompute.naming import names as naming
from precompute.rename import rename
from tests.data.test_store import built

MAIN = ROOT / "app" / "main.py"
FIRST = ("red", "blue", "bird", "wing", "a red bird")
OTHER = ("snow", "beak", "in snow", "red beak", "blue wing", "bird")
NAMES = ("concept", "concept_name", "naming", "quality", "text_space")
KEPT = ("score", "code", "concept_vector", "control_vector", "bank", "image", "label_score")


@pytest.fixture(autouse=True)
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Untrained models put no word near a concept; names are to be seen all the same."""
    monkeypatch.setattr(naming_text, "QUANTILE", 0.2)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clips.save("clip", tmp_path_factory.mktemp("clip") / "clip")


def vocabulary(folder: Path, words: tuple[str, ...], name: str = "words.txt") -> Path:
    path = folder / name
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    return path


def recipe(shapes: Path, model: Path, text: str, layer: str = "") -> str:
    return f"""
name = "worded"
seed = 1
[dataset]
reader = "manifest"
path = "{shapes.as_posix()}"
[backbone]
model = "{model.as_posix()}"
layer = "{layer}"
batch = 8
[text]
{text}
[[banks]]
method = "semi_nmf"
n_concepts = 7
"""


PROBES = """
[[banks]]
method = "cav"
"""


def build(text: str, out: Path) -> Path:
    return pipeline.run(parse(text), text=text, out=out)


@pytest.fixture(scope="module")
def worded(shapes: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    out = tmp_path_factory.mktemp("worded")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(naming_text, "QUANTILE", 0.2)
        file = vocabulary(out, (*FIRST, "", "red"))
        yield build(recipe(shapes, clip, f'vocabulary = "{file.as_posix()}"') + PROBES, out)


def tables(path: Path, names: tuple[str, ...] = NAMES) -> dict[str, pd.DataFrame]:
    with store.open_readonly(path) as con:
        return {name: con.execute(f"FROM {name} ORDER BY ALL").df() for name in names}


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


def test_other_words_give_a_new_store_and_the_first_ones_give_the_first_names_back(
    worded: Path, tmp_path: Path
) -> None:
    before = worded.read_bytes()
    other = rename(worded, vocabulary=vocabulary(tmp_path, OTHER, "other.txt"), out=tmp_path)
    assert worded.read_bytes() == before
    assert set(tables(other)["concept_name"]["name"]) <= set(OTHER)
    for name, frame in tables(worded, KEPT).items():
        pd.testing.assert_frame_equal(frame, tables(other, KEPT)[name])
    back = rename(other, vocabulary=vocabulary(tmp_path, (*FIRST, "", "red")), out=tmp_path)
    assert len({worded, other, back}) == 3
    for name, frame in tables(worded).items():
        pd.testing.assert_frame_equal(frame, tables(back)[name])
    assert not [f for f in examine(back) if f.level == "error"]
    with store.open_readonly(other) as con:
        row = con.execute("SELECT fingerprint, renamed_from, recipe FROM build").fetchall()[0]
        stages = con.execute("SELECT count(*) FROM stage WHERE name = 'rename'").fetchall()
    assert other.name == f"worded-{row[0]}.duckdb"
    assert worded.name == f"worded-{row[1]}.duckdb"
    assert row[2].startswith("# Concepts named again: vocabulary 'other.txt'")
    assert parse(row[2]).banks[0].method == "semi_nmf"
    assert stages == [(1,)]


def test_same_words_are_the_same_store_whatever_they_are_asked_of(
    worded: Path, tmp_path: Path
) -> None:
    file = vocabulary(tmp_path, OTHER, "other.txt")
    once = rename(worded, vocabulary=file, out=tmp_path)
    made = once.stat().st_mtime_ns
    third = rename(once, vocabulary=vocabulary(tmp_path, ("in", "a", "snow")), out=tmp_path)
    assert rename(third, vocabulary=file, out=tmp_path) == once
    assert once.stat().st_mtime_ns == made
    assert rename(worded, vocabulary=file, out=tmp_path, template="a {}") != once


def test_template_is_what_the_model_reads(worded: Path, tmp_path: Path) -> None:
    file = vocabulary(tmp_path, ("red", "blue", "wing"))
    plain = tables(rename(worded, vocabulary=file, out=tmp_path))["concept_name"]
    long = rename(worded, vocabulary=file, out=tmp_path, template="a {} bird")
    with_words = tables(long)["concept_name"]
    spelled = vocabulary(tmp_path, ("a red bird", "a blue bird", "a wing bird"), "long.txt")
    written = tables(rename(worded, vocabulary=spelled, out=tmp_path))["concept_name"]
    np.testing.assert_allclose(with_words["score"], written["score"], atol=1e-6)
    assert np.abs(with_words["score"] - plain["score"]).max() > 0.01
    assert set(tables(long)["naming"]["template"]) == {"a {} bird"}


def test_names_of_people_come_along(worded: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copy(worded, tmp_path / worded.name))
    open_annotations(mine).set_name("cav", 2, name="ours", who="me")
    target = rename(mine, vocabulary=vocabulary(tmp_path, OTHER))
    assert open_annotations(target).names("cav")[2].name == "ours"
    open_annotations(target).set_name("cav", 2, name="changed")
    assert open_annotations(mine).names("cav")[2].name == "ours"


def test_joint_tokens_are_placed_by_their_direction(
    shapes: Path, clip: Path, tmp_path: Path
) -> None:
    file = vocabulary(tmp_path, FIRST)
    text = recipe(shapes, clip, f'vocabulary = "{file.as_posix()}"', layer="joint")
    with store.open_readonly(build(text, tmp_path)) as con:
        rows = con.execute("SELECT DISTINCT how, n FROM concept_vector").fetchall()
        assert con.execute("SELECT joint FROM text_space").fetchall() == [(True,)]
        first = ask.words(con, 0, 0)
    assert rows == [("direction", 0)]
    assert first["rank"].tolist() == [0, 1, 2, 3, 4]


def test_vectors_made_elsewhere_need_a_model_to_be_renamed(
    worded: Path, clip: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(worded, tmp_path / "elsewhere.duckdb"))
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE text_space SET model = '', words = ['Rot', 'Blau', 'Vogel', 'x', 'y']")
    file = vocabulary(tmp_path, OTHER)
    with pytest.raises(ValueError, match=r"made elsewhere.*--text-model"):
        rename(path, vocabulary=file)
    assert rename(path, vocabulary=file, model=str(clip)) != path


def test_words_that_are_read_alike_are_told() -> None:
    log = Log()
    naming.notice_twins(("red", "snow", "Red"), np.eye(4)[[0, 1, 0]], log)
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


def test_store_without_words_says_what_to_add(tmp_path: Path) -> None:
    path = built(tmp_path / "plain.duckdb")
    with pytest.raises(ValueError, match=r"built without any; add \[text\]"):
        rename(path, vocabulary=vocabulary(tmp_path, OTHER))


@pytest.mark.parametrize(
    ("words", "message"),
    [((), "holds no word"), (("green", "purple"), "none of the 2 words")],
)
def test_vocabulary_that_names_nothing(
    words: tuple[str, ...], message: str, worded: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        rename(worded, vocabulary=vocabulary(tmp_path, words), out=tmp_path)
    assert store.stores(tmp_path) == store.unfinished(tmp_path) == []


def test_single_word_is_a_notice_and_no_name(worded: Path, tmp_path: Path) -> None:
    path = rename(worded, vocabulary=vocabulary(tmp_path, ("red",)), out=tmp_path)
    found = tables(path, (*NAMES, "notice"))
    found["notice"] = found["notice"][found["notice"]["stage"] == "names"]
    assert "give two or more" in found["notice"]["message"].iloc[0]
    assert not (found["concept"]["name_source"] == "vocabulary").any()
    assert found["concept_name"].empty


def test_model_of_another_width_or_with_other_weights_is_refused(
    worded: Path, tmp_path: Path
) -> None:
    file = vocabulary(tmp_path, OTHER)
    wide = tiny_clips.save("siglip", tmp_path / "wide")
    with pytest.raises(ValueError, match=r"have 12 numbers, and concepts in .* 9"):
        rename(worded, vocabulary=file, model=str(wide), out=tmp_path)
    other = tiny_clips.save("clip", tmp_path / "other", seed=3)
    with pytest.raises(ValueError, match="is another model: it puts"):
        rename(worded, vocabulary=file, model=str(other), out=tmp_path)
    assert store.stores(tmp_path) == store.unfinished(tmp_path) == []


def test_model_without_texts_and_model_that_has_moved(
    worded: Path, tiny_model: Path, clip: Path, tmp_path: Path
) -> None:
    file = vocabulary(tmp_path, OTHER)
    with pytest.raises(ValueError, match="no texts in the space"):
        rename(worded, vocabulary=file, model=str(tiny_model), out=tmp_path)
    moved = Path(shutil.copy(worded, tmp_path / "moved.duckdb"))
    with duckdb.connect(str(moved)) as con:
        con.execute("UPDATE text_space SET model = './gone'")
    with pytest.raises(ValueError, match=r"cannot be opened.*--text-model"):
        rename(moved, vocabulary=file)
    assert rename(moved, vocabulary=file, model=str(clip)).exists()


def test_command_makes_the_store_or_says_why_not(
    worded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["name", str(worded), "--out", str(tmp_path), "--vocabulary"]
    assert cli.main([*given, str(vocabulary(tmp_path, OTHER)), "--template", "a {}"]) == 0
    path = Path(capsys.readouterr().out.splitlines()[0])
    assert path.parent == tmp_path
    assert path.exists()
    assert cli.main([*given, str(tmp_path / "none.txt")]) == 1
    assert "does not exist" in capsys.readouterr().err
    assert cli.main([*given, str(vocabulary(tmp_path, OTHER)), "--template", "a bird"]) == 1
    assert "must stand for the word" in capsys.readouterr().err
