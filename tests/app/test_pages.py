"""Every page opens, whatever the address says and however little the store holds."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import opening
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app.pages import PAGES
from data.queries import build
from data.store import open_readonly

VIEWS = list(PAGES)
HOSTILE: dict[str, dict[str, str]] = {
    "bare": {},
    "first": {"b": "", "c": "0", "i": "0", "y": "0"},
    "past the end": {"c": "4294967296", "i": "99999999", "y": "99999", "p": "99999999"},
    "far past the end": dict.fromkeys(("c", "i", "y", "p"), "9" * 40),
    "negative": dict.fromkeys(("c", "i", "y", "p"), "-1"),
    "text": dict.fromkeys(("b", "c", "i", "h", "y", "m", "e", "q", "o", "f", "v", "p"), "x'; --"),
    "markup": dict.fromkeys(("b", "c", "i", "h", "m", "e", "q"), "<script>alert(1)</script>**_`$"),
    "digits of another script": dict.fromkeys(("c", "i", "y", "p"), "٣"),
    "broken lists": {"e": "1:,:2,9:nan,0:inf,x", "f": "freq:2:nan,dense:-1,dense,freq:1,,:"},
    "no such list": {"q": "no concept is called this", "f": "freq:0.9:0.1", "v": "gallery"},
    "long": dict.fromkeys(("b", "h", "q"), "a" * 5000),
    "gallery": {"v": "gallery", "f": "dead", "o": "top_lift-asc"},
    "map": {"v": "map", "f": "named"},
    "sets that are none": {"a": "nowhere~~", "z": "~" * 9, "k": "x", "d": "nan", "x": "diverse-99"},
    "sets": {"a": "test~~", "z": "train~~", "k": "within", "x": "diverse-32"},
    "importance of nobody": {"im": "own.magic." + "9" * 5000 + ".-1"},
    "energy": {"a": "test~0~", "z": "~1~right", "k": "energy", "d": "0.125"},
}
LITTLE: dict[str, tuple[str, ...]] = {
    "no explanations": ("explanation", "importance", "cluster", "dominance", "fidelity"),
    "no heads": ("head", "head_weight", "head_bias", "head_prediction", "accuracy"),
    "no labels": (
        "labelled_concept",
        "image_label",
        "class_label",
        "part",
        "mask",
        "label_score",
        "concept_class",
    ),
    "nothing judged": ("quality", "probe", "concept_probe"),
    "no saliency": ("saliency",),
    "no backbone predictions": ("prediction",),
    "no neighbours, examples or histograms": (
        "neighbour",
        "example",
        "example_group",
        "histogram",
    ),
}

Open = Callable[..., AppTest]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    def open_(store: Path, view: str, **params: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(store)])
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
        at.query_params.update(params)
        opening.choose(at, view)
        at.query_params.update(params)
        return at.run()

    yield open_
    st.cache_resource.clear()  # closes the stores


def _ok(at: AppTest) -> None:
    assert not at.exception, at.exception[0].value
    assert at.title or at.subheader


def _text(at: AppTest) -> str:
    return "\n".join(
        e.value
        for kind in (at.markdown, at.caption, at.warning, at.title, at.info, at.subheader)
        for e in kind
    )


def _emptied(source: Path, target: Path, keep: Callable[[str], bool]) -> Path:
    shutil.copy(source, target)
    with duckdb.connect(str(target)) as con:
        names = con.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        for (name,) in names:
            if not keep(name):
                con.execute(f'DELETE FROM "{name}"')
        con.execute("UPDATE build SET n_images = (SELECT count(*) FROM image)")
    return target


@pytest.mark.parametrize("address", HOSTILE)
@pytest.mark.parametrize("view", VIEWS)
def test_page_opens_at_any_address(
    view: str, address: str, tiny_store: Path, open_page: Open
) -> None:
    _ok(open_page(tiny_store, view, **HOSTILE[address]))


@pytest.mark.parametrize("little", LITTLE)
@pytest.mark.parametrize("view", VIEWS)
def test_page_opens_where_a_part_was_not_built(
    view: str, little: str, tiny_store: Path, tmp_path: Path, open_page: Open
) -> None:
    store = _emptied(tiny_store, tmp_path / "part.duckdb", lambda t: t not in LITTLE[little])
    _ok(open_page(store, view))


def test_labels_of_images_and_classes_are_told_apart_only_where_images_have_labels(
    tiny_store: Path, tmp_path: Path, open_page: Open
) -> None:
    title = "Labels of images against labels of classes"
    assert title in _text(open_page(tiny_store, "metrics"))
    store = _emptied(tiny_store, tmp_path / "part.duckdb", lambda t: t != "image_label")
    assert title not in _text(open_page(store, "metrics"))


@pytest.mark.parametrize("view", VIEWS)
def test_page_opens_on_a_store_with_nothing_in_it(
    view: str, tiny_store: Path, tmp_path: Path, open_page: Open
) -> None:
    store = _emptied(tiny_store, tmp_path / "nothing.duckdb", lambda t: t in ("build", "backbone"))
    _ok(open_page(store, view))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("DROP TABLE score; CREATE VIEW score AS SELECT 1", "holds the view score"),
        ("UPDATE picture SET thumb = 'no picture'::BLOB", "pictures are JPEG"),
    ],
)
def test_a_store_that_no_build_made_is_refused_in_a_sentence(
    change: str, told: str, tiny_store: Path, tmp_path: Path, open_page: Open
) -> None:
    path = Path(shutil.copy(tiny_store, tmp_path / "hostile.duckdb"))
    with duckdb.connect(str(path)) as con:
        con.execute(change)
    at = open_page(path, "overview")

    assert not at.exception
    assert told in at.warning[0].value.replace("\\", "")


def test_a_question_that_takes_too_long_is_answered_in_a_sentence(
    tiny_store: Path, open_page: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(_con: object) -> None:
        raise duckdb.InterruptException("Interrupted!")

    monkeypatch.setattr(build, "build", endless)
    at = open_page(tiny_store, "overview")

    assert not at.exception
    assert "took longer than 60 s" in at.warning[0].value


def test_overview_says_why_the_layer_was_chosen(tiny_store: Path, open_page: Open) -> None:
    with open_readonly(tiny_store) as con:
        ((why,),) = con.execute("SELECT why FROM backbone").fetchall()
    assert why
    assert why in _text(open_page(tiny_store, "overview"))


def test_unknown_concept_says_which_there_are(tiny_store: Path, open_page: Open) -> None:
    at = open_page(tiny_store, "concept", c="99999999")
    assert "99999999" in _text(at)
    assert "numbered 0 to" in _text(at)


def test_unknown_bank_is_named_beside_those_there_are(tiny_store: Path, open_page: Open) -> None:
    at = open_page(tiny_store, "concepts", b="nosuchbank")
    assert "nosuchbank" in at.warning[0].value


def test_unknown_store_lists_the_stores_there_are(tiny_store: Path, open_page: Open) -> None:
    at = open_page(tiny_store, "overview", s="another")
    _ok(at)
    assert "another" in at.warning[0].value


def test_file_that_is_no_store_is_explained(tmp_path: Path, open_page: Open) -> None:
    path = tmp_path / "notes.duckdb"
    path.write_text("these are my notes", encoding="utf-8")
    at = open_page(path, "overview")
    _ok(at)
    assert "not a DuckDB file" in at.warning[0].value.replace("\\", "")


def test_no_store_shows_the_command_that_builds_one(tmp_path: Path, open_page: Open) -> None:
    at = open_page(tmp_path, "overview")
    _ok(at)
    assert "python -m precompute demo" in at.code[0].value


def test_next_walks_the_list_in_its_order(tiny_store: Path, open_page: Open) -> None:
    with open_readonly(tiny_store) as con:
        (name, bank_id) = con.execute(
            "SELECT name, bank_id FROM bank ORDER BY n_concepts DESC, bank_id LIMIT 1"
        ).fetchone() or ("", 0)
        peaks = [
            c
            for (c,) in con.execute(
                """
            SELECT concept_id FROM concept WHERE bank_id = $bank_id AND map_scale > 0
            ORDER BY peak_p99 DESC, concept_id
            """,
                {"bank_id": bank_id},
            ).fetchall()
        ]
    at = open_page(tiny_store, "concept", b=name, c=str(peaks[0]), o="peak_p99")
    at.button(key="Next").click().run()
    _ok(at)
    assert at.query_params["c"] == str(peaks[1])
    assert at.button(key="Previous").disabled is False


def test_search_box_writes_the_address(tiny_store: Path, open_page: Open) -> None:
    at = open_page(tiny_store, "concepts")
    at.text_input(key="search").set_value("#0").run()
    _ok(at)
    assert at.query_params["q"] == "#0"
    assert any(c.value.startswith("1 of ") for c in at.caption)


def test_menu_takes_up_what_was_last_looked_at(tiny_store: Path, open_page: Open) -> None:
    with open_readonly(tiny_store) as con:
        names = [n for (n,) in con.execute("SELECT name FROM bank ORDER BY bank_id").fetchall()]
    at = open_page(tiny_store, "concepts", b=names[-1], q="#1")
    at.query_params.clear()
    at.switch_page("views/concept/page.py").run()
    _ok(at)
    assert at.query_params["b"] == names[-1]
    assert any(f"in {names[-1]}" in c.value.replace("\\", "") for c in at.caption)


def test_back_takes_up_the_pages_own_address(tiny_store: Path, open_page: Open) -> None:
    at = open_page(tiny_store, "concepts", q="#1", o="peak")
    at.query_params.clear()
    at.query_params["c"] = "1"
    at.switch_page("views/concept/page.py").run()
    at.query_params["c"] = "1"  # the browser brings the query of the page that it leaves
    at.switch_page("views/concepts/page.py").run()
    _ok(at)
    assert dict(at.query_params) == {"q": "#1", "o": "peak"}
