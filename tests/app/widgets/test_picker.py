"""Buttons go to the image before, the next, one at random, and the next that is wrong."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import opening
import pytest
from paths import ROOT
from streamlit.testing.v1 import AppTest

from data import store
from data.queries import images


@pytest.fixture
def at(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], AppTest]:
    def opened(image_id: int) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(tiny_store)])
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
        opening.choose(at, "image")
        at.query_params["i"] = str(image_id)
        return at.run()

    return opened


def _asked(at: AppTest, button: str) -> int:
    at.button(key=f"picker_{button}").click().run()
    assert not at.exception
    return int(at.query_params["i"])


def _wrong(con: duckdb.DuckDBPyConnection) -> list[int]:
    found = images.image_ids(con, class_id=None, split=None, head_id=None, wrong=True)
    return [int(i) for i in found]


def test_buttons_go_to_the_images_around(at: Callable[[int], AppTest]) -> None:
    page = at(3)
    assert [_asked(page, "next"), _asked(page, "next"), _asked(page, "prev")] == [4, 5, 4]
    assert _asked(page, "random") != 4


def test_the_first_and_the_last_have_no_image_beyond(
    at: Callable[[int], AppTest], tiny_store: Path
) -> None:
    with store.open_readonly(tiny_store) as con:
        ids = images.image_ids(con, class_id=None, split=None, head_id=None, wrong=False)
    first, last = at(int(ids[0])), at(int(ids[-1]))
    assert first.button(key="picker_prev").disabled
    assert not first.button(key="picker_next").disabled
    assert last.button(key="picker_next").disabled


def test_the_next_error_goes_round(at: Callable[[int], AppTest], tiny_store: Path) -> None:
    with store.open_readonly(tiny_store) as con:
        wrong = _wrong(con)
    assert len(wrong) > 1
    page = at(wrong[-1])
    assert _asked(page, "error") == wrong[0]
    assert _asked(page, "error") == wrong[1]
    assert f"{len(wrong) - 1} besides" in page.button(key="picker_error").help
