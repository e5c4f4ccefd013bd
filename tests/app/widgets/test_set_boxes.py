"""Boxes write a set of images into the address, on the two pages that have some."""

from __future__ import annotations

import sys
from pathlib import Path

import opening
import pytest
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app.widgets import set_boxes


def _opened(store: Path, page: str, monkeypatch: pytest.MonkeyPatch, **asked: str) -> AppTest:
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(store)])
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    opening.choose(at, page)
    at.query_params.update(asked)
    return at.run()


def test_parts_that_say_nothing_stay_empty() -> None:
    assert set_boxes.text("test", None, 0) == "test~~0"


def test_without_predictions_nothing_is_right_or_wrong() -> None:
    assert set_boxes.judged("Any") == {None: "Any", "right": "Right", "wrong": "Wrong"}
    assert set_boxes.judged("Any", known=False) == {None: "Any"}


def test_one_box_changes_one_part(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = _opened(tiny_store, "differences", monkeypatch, a="test~~", z="train~~")
    assert at.selectbox(key="split_a").options[0] == "Any split"
    assert at.selectbox(key="split_a").value == "test"
    at.selectbox(key="class_a").select(1).run()
    assert not at.exception
    assert [at.query_params[key] for key in ("a", "z")] == ["test~1~", "train~~"]
    at.selectbox(key="split_a").select(None).run()
    assert at.query_params["a"] == "~1~"


def test_the_boxes_of_an_edit_read_and_write_their_part(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = _opened(tiny_store, "intervene", monkeypatch, t="latents", ta="1~~~", rs="~~~test")
    assert at.selectbox(key="ta_class").value == 1
    assert at.selectbox(key="rs_split").value == "test"
    at.selectbox(key="rs_judged").select("wrong").run()
    assert not at.exception
    assert at.query_params["rs"] == "~~wrong~test"
    assert at.query_params["ta"] == "1~~~"
