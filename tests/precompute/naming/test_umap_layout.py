"""Layouts made by another process, and what happens where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from precompute.naming import umap_layout

POINTS = np.random.default_rng(3).normal(size=(12, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def here() -> umap_layout.Layout:
    return umap_layout.lay_out(POINTS, seed=7, epochs=20)


def test_the_other_process_answers_what_this_one_would(
    here: umap_layout.Layout, tmp_path: Path
) -> None:
    with (tmp_path / "asked").open("w+b") as asked, (tmp_path / "answers").open("w+b") as answers:
        umap_layout._send(asked, POINTS, {"seed": 7, "epochs": 20})
        asked.seek(0)
        umap_layout._serve(asked, answers)
        answers.seek(0)
        placed, told = umap_layout._receive(answers)
        rest = answers.read()

    np.testing.assert_array_equal(placed, np.stack([here.x, here.y]))
    assert told["seconds"] > 0
    assert rest == b""


def test_a_process_that_is_gone_is_done_without(here: umap_layout.Layout) -> None:
    beside = umap_layout._Beside()
    beside.process.kill()
    beside.process.wait()
    made = beside.submit(POINTS, 7, 20).result()
    beside.close()

    np.testing.assert_array_equal(made.x, here.x)


def test_no_process_is_started_where_umap_is_loaded(here: umap_layout.Layout) -> None:
    with umap_layout.layouts_beside():
        made = umap_layout.begin_layout(POINTS, seed=7, epochs=20)

        assert umap_layout._BESIDE.get() is None
    np.testing.assert_array_equal(made.result().y, here.y)


def test_few_points_have_no_place() -> None:
    made = umap_layout.lay_out(POINTS[:7], seed=0)

    assert np.isnan(made.x).all()
    assert len(made.y) == 7
