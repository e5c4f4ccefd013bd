"""Layouts say how far they can be trusted; neighbours are the nearest; odd concepts are flagged."""

from __future__ import annotations

import sys
from pathlib import Path

import fakes
import numpy as np
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

from core import backbones
from core.metrics import concept_quality
from core.recipe import parse
from core.sampling import evenly
from core.types import Grid
from data import store
from data.queries import layouts
from precompute import pipeline
from precompute.naming import layout, neighbours
from precompute.quality import leakage


def test_nearest_are_those_of_a_full_sort() -> None:
    x = np.random.default_rng(0).normal(size=(300, 7)).astype(np.float32)
    found = neighbours.nearest(x, seed=0)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    for i in (0, 137, 299):
        cosine = unit @ unit[i]
        cosine[i] = -2
        mine = found["row"] == i
        assert found["other"][mine].tolist() == np.argsort(-cosine)[:8].tolist()
        assert found["rank"][mine].tolist() == list(range(8))
        assert found["cosine"][mine] == pytest.approx(np.sort(cosine)[::-1][:8], abs=1e-5)
    two = neighbours.nearest(x[:2], seed=0)
    assert two["other"].tolist() == [1, 0]
    assert len(neighbours.nearest(x[:1], seed=0)["row"]) == 0


def test_trust_is_1_for_a_faithful_plane_and_half_for_a_shuffled_one() -> None:
    angle = np.linspace(0, 1.5, 200)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x, y = points.astype(np.float32).T
    good = layout.layout_trust(points, x, y, seed=0)
    assert good["trustworthiness"][0] > 0.99
    assert good["chance"][0] == pytest.approx(0.5, abs=0.05)
    assert (good["n_neighbours"][0], good["n"][0]) == (15, 200)
    mixed = np.random.default_rng(1).permutation(200)
    bad = layout.layout_trust(points, x[mixed], y[mixed], seed=0)
    assert bad["trustworthiness"][0] == pytest.approx(0.5, abs=0.05)
    assert layout.layout_trust(points[:5], x[:5], y[:5], seed=0).empty
    assert layout.layout_trust(points, np.full(200, np.nan, np.float32), y, seed=0).empty


def test_spread_takes_images_of_every_stretch() -> None:
    assert evenly(7, 9).tolist() == list(range(7))
    assert evenly(10, 4).tolist() == [0, 3, 6, 9]
    assert len(np.unique(evenly(4001, 1500))) == 1500


def test_places_find_the_border_and_the_fixed_place() -> None:
    grid = Grid(6, 7)
    maps = np.zeros((4, 6, 7))
    maps[0, 0, :] = 1.0  # the upper rim
    maps[1, 3, 3] = 2.0  # one place inside
    maps[2] = 1.0  # everywhere
    border, place = concept_quality.places(maps.reshape(4, -1), grid)
    assert border[:3] == pytest.approx([1, 0, 22 / 42])
    assert place[:3] == pytest.approx([5 / 7, 1, 5 / 42])  # a tenth of 42, rounded up, is 5
    assert np.isnan([border[3], place[3]]).all()
    assert concept_quality.border_counts(Grid(12, 16))
    assert not concept_quality.border_counts(Grid(3, 5))


def test_label_separability_is_high_for_a_concept_that_is_a_label() -> None:
    rng = np.random.default_rng(3)
    y = (rng.random((400, 3)) < [0.5, 0.3, 1.0]).astype(float)  # the third does not vary
    y[:50, 1] = np.nan
    scores = np.stack([y[:, 0] + 0.01 * rng.random(400), rng.random(400), np.ones(400)], axis=1)
    found, n = concept_quality.label_separability(scores, y)
    shuffled, _ = concept_quality.label_separability(scores, y[rng.permutation(400)])
    assert n == 2
    assert found[0] > 0.5 > 2 * found[1]
    assert found[0] > 3 * shuffled[0]
    assert np.isnan(found[2])
    nothing, n = concept_quality.label_separability(scores, np.full((400, 2), np.nan))
    assert n == 0
    assert np.isnan(nothing).all()


def test_store_holds_layout_neighbours_and_vectors_of_the_images(tiny_store: Path) -> None:
    with store.open_readonly(tiny_store) as con:
        n = con.execute("SELECT count(*) FROM image").fetchall()[0][0]
        points, trust = layouts.images(con), layouts.trust(con, None)
        near = layouts.neighbours(con, 3)
        kept = con.execute("SELECT image_id, vector FROM pooled ORDER BY image_id").fetchall()
        width = con.execute("SELECT width FROM backbone").fetchall()[0][0]
        banks = con.execute("SELECT count(*) FROM layout_quality WHERE bank_id IS NOT NULL")
        judged = banks.fetchall()[0][0]
    assert len(points) == len(kept) == n
    assert trust is not None
    assert 0.5 < trust.trustworthiness <= 1
    assert judged >= 1
    x = np.array([v for _, v in kept], dtype=np.float64)
    assert x.shape == (n, width)
    unit = x - x.mean(0)
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    ids = [i for i, _ in kept]
    cosine = unit @ unit[ids.index(3)]
    order = [ids[i] for i in np.argsort(-cosine) if ids[i] != 3][:8]
    assert near["image_id"].tolist() == order
    assert not near["altered"].any()


def test_fewer_images_than_there_are_is_told(
    shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "IMAGES", 9)
    monkeypatch.setattr(layout, "KEPT", 11)
    monkeypatch.setattr(leakage, "rows", lambda *_: [])  # slow, and not at stake
    monkeypatch.setitem(backbones.BACKBONES, "huggingface", lambda _, **__: fakes.FakeBackbone())
    text = (
        f'name = "capped"\n[dataset]\nreader = "manifest"\npath = "{shapes.as_posix()}"\n'
        '[backbone]\nmodel = "fake"\n[[banks]]\nmethod = "pca"\nn_concepts = 2\n'
        "[saliency]\nfaithfulness = 0\n[effects]\nlatents = 0"
    )
    path = pipeline.run(parse(text), out=tmp_path)
    with store.open_readonly(path) as con:
        n = con.execute("SELECT count(*) FROM image").fetchall()[0][0]
        kept = con.execute("SELECT image_id FROM pooled").fetchall()
        notices = dict(con.execute("SELECT subject, message FROM notice").fetchall())
        assert len(layouts.images(con)) == 9
    assert len(kept) == 11
    assert f"11 of {n} images, evenly spread, keep" in notices["pooled activations"]
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(path)])
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    at.session_state["images_as"] = "Map"
    at.switch_page("views/overview/page.py").run()
    assert not at.exception, at.exception[0].value
    assert any(f"9 of {n} images, evenly spread" in c.value for c in at.caption)
    assert any(f"11 of {n} images, evenly spread, keep" in m.value for m in at.markdown)
    st.cache_resource.clear()
    st.cache_data.clear()
