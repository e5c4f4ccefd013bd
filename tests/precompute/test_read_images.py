"""Images are read on a second thread while what needs torch is imported."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from paths import ROOT

from core.recipe import DatasetSpec
from data import datasets, progress
from data.datasets.types import Dataset
from precompute.read_images import read_images, reading_begun

SPEC = DatasetSpec(reader="aviary", options={"n_train": 30, "n_test": 10, "n_shifted": 10})


def test_what_is_read_beside_is_what_is_read(tmp_path: Path) -> None:
    with reading_begun(SPEC, tmp_path) as read:
        found = read()
    again = read_images(SPEC, tmp_path)

    assert found.root == again.root
    assert found.images.equals(again.images)
    assert len(found.images) == 50


def test_it_begins_before_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = read_images(SPEC, tmp_path)
    begun, asked = threading.Event(), threading.Event()

    def load(*_: object, **__: object) -> Dataset:
        begun.set()
        assert asked.wait(10)
        return images

    monkeypatch.setattr(datasets, "load", load)
    with reading_begun(SPEC, tmp_path) as read:
        assert begun.wait(10)
        asked.set()
        assert read() is images


def test_what_is_wrong_with_the_images_is_told_where_they_are_asked_for(tmp_path: Path) -> None:
    with (
        reading_begun(DatasetSpec(reader="folder", path=str(tmp_path / "none")), tmp_path) as read,
        pytest.raises(ValueError, match="none"),
    ):
        read()


def test_a_build_that_stops_before_does_not_wait_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def load(*_: object, **__: object) -> None:
        begun.set()
        try:
            while True:
                progress.step("draw birds")
        except progress.Abandoned:
            stopped.set()
            raise

    monkeypatch.setattr(datasets, "load", load)
    with reading_begun(SPEC, tmp_path):
        assert begun.wait(10)
    assert stopped.is_set()


def test_torch_is_not_needed_to_begin() -> None:
    loaded = (
        "import sys, precompute.__main__, precompute.read_images\nprint('torch' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", loaded], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "False\n"
