"""Trees, prefixes, crops and attributions on the pages."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import in_node
import opening
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

Open = Callable[..., AppTest]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    def open_(path: Path, view: str, **params: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(path)])
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
        opening.choose(at, view)
        at.query_params.update(params)
        at.run()
        assert not at.exception, at.exception[0].value
        return at

    yield open_
    st.cache_resource.clear()


def _captions(at: AppTest) -> str:
    return "\n".join(c.value for c in at.caption)


@pytest.mark.parametrize("bank", ["craft", "hierarchical_semi_nmf"])
def test_tree_is_offered_where_there_is_one(trees_store: Path, open_page: Open, bank: str) -> None:
    at = open_page(trees_store, "concepts", b=bank, v="tree", f="dead")
    assert at.segmented_control(key="view").value == "tree"


def test_tree_of_a_bank_without_one_is_a_table(trees_store: Path, open_page: Open) -> None:
    at = open_page(trees_store, "concepts", b="matryoshka_sae", v="tree", f="dead")
    assert at.segmented_control(key="view").value == "table"


def test_slider_shows_the_prefix_and_what_it_rebuilds(trees_store: Path, open_page: Open) -> None:
    at = open_page(trees_store, "concepts", b="matryoshka_sae", f="dead,first:4")
    assert at.select_slider(key="prefix").value == 4
    assert "4 of 8 concepts" in _captions(at)
    at.select_slider(key="prefix").set_value(2).run()
    assert at.query_params["f"] == "dead,first:2"
    assert "2 of 8 concepts" in _captions(at)
    at.select_slider(key="prefix").set_value(8).run()
    assert at.query_params["f"] == "dead"


@pytest.mark.parametrize("first", ["3", "99999999999999999999", "-1", "x", "٣", ""])
def test_prefix_that_there_is_not_shows_all(trees_store: Path, open_page: Open, first: str) -> None:
    at = open_page(trees_store, "concepts", b="matryoshka_sae", f=f"dead,first:{first}")
    assert "8 of 8 concepts" in _captions(at)
    at = open_page(trees_store, "concepts", b="hierarchical_semi_nmf", f=f"dead,first:{first}")
    assert "6 of 6 concepts" in _captions(at)


def test_concept_page_switches_to_attribution(trees_store: Path, open_page: Open) -> None:
    at = open_page(trees_store, "concept", b="craft", c="1")
    assert at.segmented_control(key="map_of").value == "codes"
    at.segmented_control(key="map_of").set_value("grad_cam").run()
    assert not at.exception
    assert at.query_params["m"] == "grad_cam"
    at = open_page(trees_store, "concept", b="craft", c="1", m="nothing of the kind")
    assert at.segmented_control(key="map_of").value == "codes"


def test_pages_open_where_nothing_of_this_was_built(
    trees_store: Path, tmp_path: Path, open_page: Open
) -> None:
    bare = tmp_path / "bare.duckdb"
    shutil.copy(trees_store, bare)
    with duckdb.connect(str(bare)) as con:
        for table in (
            "concept_tree",
            "bank_prefix",
            "concept_crop",
            "subconcept",
            "subconcept_crop",
            "concept_attribution",
        ):
            con.execute(f"DELETE FROM {table}")
    for bank in ("craft", "hierarchical_semi_nmf", "matryoshka_sae"):
        open_page(bare, "concept", b=bank, c="0")
        at = open_page(bare, "concepts", b=bank, v="tree", f="dead")
        assert at.segmented_control(key="view").value == "table"


@in_node.needed
def test_open_branches_show_their_children_in_order() -> None:
    nodes = [
        {"id": 5, "parent": None},
        {"id": 2, "parent": 5},
        {"id": 9, "parent": None},
        {"id": 1, "parent": 5},
        {"id": 7, "parent": 2},
        {"id": 3, "parent": 404},
    ]
    script = (
        in_node.use("tree", "visible", "parents")
        + """
const rows = (open) => visible(given.nodes, new Set(open)).map((r) => [r.node.id, r.depth, r.many]);
const out = [rows([]), rows([5]), rows([5, 2]), parents(given.nodes)];
"""
    )
    folded, once, twice, inner = in_node.run(script + in_node.SAY, nodes=nodes)
    assert folded == [[5, 0, 2], [9, 0, 0], [3, 0, 0]]
    assert once == [[5, 0, 2], [2, 1, 1], [1, 1, 0], [9, 0, 0], [3, 0, 0]]
    assert twice == [[5, 0, 2], [2, 1, 1], [7, 2, 0], [1, 1, 0], [9, 0, 0], [3, 0, 0]]
    assert sorted(inner) == [2, 5]
