"""A finished store takes other words without a new build."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import tiny_clips
import worded_stores
from worded_stores import FIRST, NAMES, OTHER, build_worded, save_clip, tables, vocabulary

from core.recipe import parse
from data import store
from data.annotations import open_annotations
from precompute import __main__ as cli
from precompute.doctor import examine
from precompute.other_vocabulary import name_again
from tests.data.test_store import built

KEPT = ("score", "code", "concept_vector", "control_vector", "bank", "image", "label_score")


@pytest.fixture(autouse=True)
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    worded_stores.lenient(monkeypatch)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def worded(shapes: Path, clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_worded(shapes, clip, tmp_path_factory.mktemp("worded"))


def test_other_words_give_a_new_store_and_the_first_ones_give_the_first_names_back(
    worded: Path, tmp_path: Path
) -> None:
    before = worded.read_bytes()
    other = name_again(worded, vocabulary=vocabulary(tmp_path, OTHER, "other.txt"), out=tmp_path)
    assert worded.read_bytes() == before
    assert set(tables(other)["concept_name"]["name"]) <= set(OTHER)
    for name, frame in tables(worded, KEPT).items():
        pd.testing.assert_frame_equal(frame, tables(other, KEPT)[name])
    back = name_again(other, vocabulary=vocabulary(tmp_path, (*FIRST, "", "red")), out=tmp_path)
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
    once = name_again(worded, vocabulary=file, out=tmp_path)
    made = once.stat().st_mtime_ns
    third = name_again(once, vocabulary=vocabulary(tmp_path, ("in", "a", "snow")), out=tmp_path)
    assert name_again(third, vocabulary=file, out=tmp_path) == once
    assert once.stat().st_mtime_ns == made
    assert name_again(worded, vocabulary=file, out=tmp_path, template="a {}") != once


def test_template_is_what_the_model_reads(worded: Path, tmp_path: Path) -> None:
    file = vocabulary(tmp_path, ("red", "blue", "wing"))
    plain = tables(name_again(worded, vocabulary=file, out=tmp_path))["concept_name"]
    long = name_again(worded, vocabulary=file, out=tmp_path, template="a {} bird")
    with_words = tables(long)["concept_name"]
    spelled = vocabulary(tmp_path, ("a red bird", "a blue bird", "a wing bird"), "long.txt")
    written = tables(name_again(worded, vocabulary=spelled, out=tmp_path))["concept_name"]
    np.testing.assert_allclose(with_words["score"], written["score"], atol=1e-6)
    assert np.abs(with_words["score"] - plain["score"]).max() > 0.01
    assert set(tables(long)["naming"]["template"]) == {"a {} bird"}


def test_names_of_people_come_along(worded: Path, tmp_path: Path) -> None:
    mine = Path(shutil.copy(worded, tmp_path / worded.name))
    open_annotations(mine).set_name("cav", 2, name="ours", who="me")
    target = name_again(mine, vocabulary=vocabulary(tmp_path, OTHER))
    assert open_annotations(target).names("cav")[2].name == "ours"
    open_annotations(target).set_name("cav", 2, name="changed")
    assert open_annotations(mine).names("cav")[2].name == "ours"


def test_vectors_made_elsewhere_need_a_model_to_be_renamed(
    worded: Path, clip: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(worded, tmp_path / "elsewhere.duckdb"))
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE text_space SET model = '', words = ['Rot', 'Blau', 'Vogel', 'x', 'y']")
    file = vocabulary(tmp_path, OTHER)
    with pytest.raises(ValueError, match=r"made elsewhere.*--text-model"):
        name_again(path, vocabulary=file)
    assert name_again(path, vocabulary=file, model=str(clip)) != path


def test_store_without_words_says_what_to_add(tmp_path: Path) -> None:
    path = built(tmp_path / "plain.duckdb")
    with pytest.raises(ValueError, match=r"built without any; add \[text\]"):
        name_again(path, vocabulary=vocabulary(tmp_path, OTHER))


@pytest.mark.parametrize(
    ("words", "message"),
    [((), "holds no word"), (("green", "purple"), "none of the 2 words")],
)
def test_vocabulary_that_names_nothing(
    words: tuple[str, ...], message: str, worded: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        name_again(worded, vocabulary=vocabulary(tmp_path, words), out=tmp_path)
    assert store.stores(tmp_path) == store.unfinished(tmp_path) == []


def test_single_word_is_a_notice_and_no_name(worded: Path, tmp_path: Path) -> None:
    path = name_again(worded, vocabulary=vocabulary(tmp_path, ("red",)), out=tmp_path)
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
        name_again(worded, vocabulary=file, model=str(wide), out=tmp_path)
    other = tiny_clips.save("clip", tmp_path / "other", seed=3)
    with pytest.raises(ValueError, match="is another model: it puts"):
        name_again(worded, vocabulary=file, model=str(other), out=tmp_path)
    assert store.stores(tmp_path) == store.unfinished(tmp_path) == []


def test_model_without_texts_and_model_that_has_moved(
    worded: Path, tiny_model: Path, clip: Path, tmp_path: Path
) -> None:
    file = vocabulary(tmp_path, OTHER)
    with pytest.raises(ValueError, match="no texts in the space"):
        name_again(worded, vocabulary=file, model=str(tiny_model), out=tmp_path)
    moved = Path(shutil.copy(worded, tmp_path / "moved.duckdb"))
    with duckdb.connect(str(moved)) as con:
        con.execute("UPDATE text_space SET model = './gone'")
    with pytest.raises(ValueError, match=r"cannot be opened.*--text-model"):
        name_again(moved, vocabulary=file)
    assert name_again(moved, vocabulary=file, model=str(clip)).exists()


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
