"""A build that is going on is shown until its store is there, to whoever waits for it."""

from __future__ import annotations

import shutil
import sys
from io import BytesIO
from pathlib import Path

import pytest
from paths import ROOT
from PIL import Image
from streamlit.testing.v1 import AppTest

from data import progress


def opened(folder: Path, monkeypatch: pytest.MonkeyPatch, **params: str) -> AppTest:
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(folder)])
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    at.query_params.update(params)
    return at.run()


def said(at: AppTest) -> str:
    return "\n".join(each.value for kind in (at.markdown, at.caption, at.error) for each in kind)


def test_a_build_is_shown_and_turns_into_its_store(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = BytesIO()
    Image.new("RGB", (8, 6), "red").save(picture, "JPEG")
    with progress.reported(tmp_path, "birds"):
        progress.plan({"images": 1.0, "bank nmf": 2.0})
        progress.part("images")
        progress.show([picture.getvalue()])
        progress.part("bank nmf")
        progress.step("maps of nmf", 30, 120, "images")
        progress._REPORTER.get().write()
        at = opened(tmp_path, monkeypatch)

        assert not at.exception
        assert at.title[0].value == "Building birds"
        assert "30 of 120 images" in said(at)
        assert "birds is being built" in said(at)
        assert len(at.image) == 1

        shutil.copy(tiny_store, tmp_path / "birds-1.duckdb")
        progress.finish(tmp_path / "birds-1.duckdb")
    at.run()

    assert not at.exception
    assert at.query_params["s"] == "birds-1"
    assert "Building" not in at.title[0].value


def test_a_build_that_failed_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError), progress.reported(tmp_path, "birds"):
        raise ValueError("none of the 3 images can be used")
    at = opened(tmp_path, monkeypatch)

    assert not at.exception
    assert "none of the 3 images can be used" in said(at).replace("\\", "")
    assert "goes on from there" in said(at)


def test_who_asked_for_a_store_is_shown_the_store(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(tiny_store, tmp_path / "birds-1.duckdb")
    with progress.reported(tmp_path, "birds"):
        at = opened(tmp_path, monkeypatch, s="birds-1")

    assert not at.exception
    assert "Building" not in at.title[0].value
    assert "birds is being built" in said(at)


def test_a_build_that_failed_is_not_in_the_way_of_a_store(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(tiny_store, tmp_path / "birds-1.duckdb")
    with pytest.raises(ValueError), progress.reported(tmp_path, "birds"):
        raise ValueError("none of the 3 images can be used")
    at = opened(tmp_path, monkeypatch)

    assert "Building" not in at.title[0].value
