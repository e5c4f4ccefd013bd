"""Edit links that make no sense, and stores on which an edit has little to go by: said, not thrown.

That any other page survives both is kept in test_pages.
"""

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

from app.views.intervene import address_edits, address_head_edits
from app.views.intervene.tabs import regions

MAIN = str(ROOT / "app" / "main.py")
VIEWS = ("intervene", "image", "classes", "concept", "metrics", "leaderboard")
LABELLED, FOUND = "cav · sparse", "sae · backbone"

Open = Callable[..., AppTest]


@pytest.fixture
def visit(tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """The Intervene page at an address, on the store after some statements."""

    def visit_(*statements: str, view: str = "intervene", **params: str) -> AppTest:
        path = tiny_store
        if statements:
            path = tmp_path / "changed.duckdb"
            shutil.copy(tiny_store, path)
            with duckdb.connect(str(path)) as con:
                for statement in statements:
                    con.execute(statement)
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(path)])
        at = AppTest.from_file(MAIN, default_timeout=60)
        opening.choose(at, view)
        at.query_params.update({"h": LABELLED, "i": "3", **params})
        at.run()
        assert not at.exception, at.exception[0].value
        return at

    yield visit_
    st.cache_resource.clear()  # closes the stores
    st.cache_data.clear()


def told(at: AppTest) -> str:
    kinds = (at.warning, at.info, at.caption, at.markdown, at.error)
    return "\n".join(e.value for kind in kinds for e in kind)


# -- addresses ---------------------------------------------------------------------------------


def test_what_an_address_says_in_vain_is_listed() -> None:
    text = "2:0.5, ,x,0:nan,1:inf,3:1e99,7:-1,4:,٣:1"
    assert address_edits.parse(text) == {2: 0.5, 7: -1.0}
    assert address_edits.refused(text) == ["x", "0:nan", "1:inf", "3:1e99", "4:", "٣:1"]
    assert [address_edits.refused(given) for given in (None, "", "1:2,")] == [[], [], []]
    many = ",".join(f"{i}:1" for i in range(address_edits.MOST + 2))
    assert address_edits.refused(many) == [f"{address_edits.MOST}:1", f"{address_edits.MOST + 1}:1"]


def test_what_a_head_edit_says_in_vain_is_listed() -> None:
    text = "p2,p2,r,m,s3:nan,w1.:2,k0,px,s1:1e300~a name, p"
    assert address_head_edits.refused(text) == ["s3:nan", "w1.:2", "px", "s1:1e300"]
    kept = address_head_edits.write(address_head_edits.parse(text))
    assert address_head_edits.refused(kept) == []


def test_marks_off_the_grid_and_marks_that_conflict_are_listed() -> None:
    text = "k0-3,9-7,z;x2-4,15;a7;a0.2;q"
    assert regions.refused(text, n_tokens=15) == ["k9-7", "kz", "x15", "a7", "q"]
    assert regions.torn(text, n_tokens=15) == 2
    given = regions.parse(text, n_tokens=15)
    assert given.keep == {0, 1}
    assert given.remove == {2, 3, 4}
    assert regions.refused(regions.write(given), n_tokens=15) == []
    assert regions.torn("k0-3;x4", n_tokens=15) == 0


def test_the_page_says_which_edits_it_left_out_and_how_one_is_written(visit: Open) -> None:
    said = told(visit(e="0:0.5,1:abc,99:1", t="batch"))
    assert r"Left out of the link: “1\:abc”. An edit is a concept's number and a score" in said
    assert "Left out: 99. cav · sparse has no weight for these concepts" in said


def test_the_page_says_nothing_of_a_link_that_is_fine(visit: Open) -> None:
    assert "Left out" not in told(visit(e="0:0.5,1:-2", t="spatial", r="k0-3;x5;a0.3"))


def test_the_global_tab_says_which_edits_of_the_head_it_left_out(visit: Open) -> None:
    said = told(visit(t="global", g="p1,s0.1:much,p99"))
    assert r"Left out of the link: “s0\.1\:much”. An edit of a head is p12" in said
    assert "Left out: 1 edits of concepts or classes that cav · sparse does not have" in said


def test_the_spatial_tab_says_which_cells_are_none_and_which_are_torn(visit: Open) -> None:
    said = told(visit(t="spatial", r="k0-2;x2,999"))
    assert "Left out of the link: “x999”. Cells are numbered row by row from 0 to" in said
    assert "1 cells are marked both to keep and to remove; they are removed" in said


# -- stores ------------------------------------------------------------------------------------

NO_LABELS = tuple(
    f"DELETE FROM {name}" for name in ("image_label", "class_label", "part", "mask", "label_score")
)


@pytest.mark.parametrize("view", VIEWS)
def test_a_head_without_weights_keeps_every_page(visit: Open, view: str) -> None:
    """A strong penalty leaves none; the other heads have theirs."""
    nothing = (
        "DELETE FROM head_weight WHERE head_id IN "
        f"(SELECT head_id FROM head WHERE name = '{LABELLED}')"
    )
    at = visit(nothing, view=view, t="curves", e="0:0.5")
    if view == "intervene":
        assert f"Every weight of {LABELLED} is 0" in told(at)
        assert "weaker penalty" in told(at)


@pytest.mark.parametrize(
    ("params", "statements", "said"),
    [
        ({"t": "curves"}, NO_LABELS, "no label of any image or class"),
        ({"t": "curves", "h": FOUND}, (), "need concepts whose truth is known"),
        ({"w": "table", "e": "0:0.5"}, NO_LABELS, ""),
        ({"w": "gaussian", "e": "0:0.5"}, ("UPDATE score SET score = 0.25",), "0 of"),
        ({"t": "curves"}, ("UPDATE labelled_concept SET grouping = 'one'",), ""),
        ({"t": "curves"}, ("UPDATE image SET class_id = NULL",), ""),
        ({"t": "global"}, ("UPDATE image SET class_id = NULL",), "No image carries a label"),
    ],
)
def test_a_store_that_lacks_what_a_tool_needs_says_so(
    visit: Open, params: dict[str, str], statements: tuple[str, ...], said: str
) -> None:
    assert said in told(visit(*statements, **params))
