"""What a ViT's own logit rests on at a mid layer, against the model with a hook in its way."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import fake_vit
import numpy as np
import opening
import pytest
import streamlit as st
from fake_vit import EXPLAINED
from paths import ROOT
from streamlit.testing.v1 import AppTest

from core.backbones import huggingface
from data.images import open_image
from data.queries import backbone_importance
from data.store import open_readonly
from tests.core.importance.test_resumed_logit import LAYER, NAMES, Twin
from tests.precompute.quality.test_readout import bank_of

MAIN = ROOT / "app" / "main.py"


@pytest.fixture(scope="module")
def backbone(vit: Path) -> huggingface.HuggingFaceBackbone:
    return huggingface.load(str(vit), layer=LAYER, size=(32, 32))


@pytest.fixture
def con(explained_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_readonly(explained_store) as con:
        yield con


def test_stored_importances_are_those_of_the_model(
    con: duckdb.DuckDBPyConnection, backbone: huggingface.HuggingFaceBackbone, shapes: Path
) -> None:
    bank = bank_of(con)
    images = con.execute(
        "SELECT image_id, backbone_explanation.class_id, logit, without, n_concepts, output, file, "
        "split FROM backbone_explanation JOIN image USING (image_id) "
        "JOIN class ON class.class_id = backbone_explanation.class_id"
    ).df()
    assert len(images) == EXPLAINED
    assert (images["split"] != "train").all()
    for row in images.head(2).to_dict("records"):
        pixels = backbone.preprocess([open_image(shapes.parent / row["file"])[0]])
        tokens = backbone.forward(pixels).tokens[0]
        codes = bank.encode(tokens)
        on = codes.any(0).nonzero().flatten().tolist()
        assert row["n_concepts"] == len(on)
        twin = Twin(backbone, pixels, codes[:, on], bank.directions[on], row["output"])
        assert row["logit"] == pytest.approx(twin([1.0] * len(on)), abs=1e-4)
        assert row["without"] == pytest.approx(twin([0.0] * len(on)), abs=1e-4)
        mine = con.execute(
            "SELECT method, concept_id, value, share FROM backbone_importance WHERE image_id = ?",
            [row["image_id"]],
        ).df()
        assert sorted(mine["method"].unique()) == NAMES
        np.testing.assert_allclose(mine.groupby("method")["share"].sum(), 1)
        occluded = mine[mine["method"] == "occlusion"].set_index("concept_id")["value"]
        for j, k in enumerate(on):
            without = [float(i != j) for i in range(len(on))]
            lost = twin([1.0] * len(on)) - twin(without)
            assert occluded.get(k, 0.0) == pytest.approx(lost, abs=1e-4)
        added = mine.loc[mine["method"] == "integrated_gradients", "value"].sum()
        assert added == pytest.approx(row["logit"] - row["without"], rel=0.02, abs=5e-3)


def test_a_class_is_the_mean_of_its_images(con: duckdb.DuckDBPyConnection) -> None:
    listed = backbone_importance.classes(con, 0)
    assert listed["n"].sum() == EXPLAINED
    for row in listed.to_dict("records"):
        found = backbone_importance.importances(con, 0, row["class_id"], method="occlusion")
        images = backbone_importance.images(con, 0, row["class_id"])
        assert len(images) == row["n"]
        each = [
            backbone_importance.importances(con, 0, row["class_id"], method="occlusion", image_id=i)
            for i in images["image_id"]
        ]
        total = sum(one["value"].abs().sum() for one in each)
        change = (images["logit"] - images["without"]).sum()
        for mine in found.to_dict("records"):
            parts = [one.loc[one["concept_id"] == mine["concept_id"], "value"] for one in each]
            assert mine["value"] == pytest.approx(sum(p.sum() for p in parts) / len(each))
            assert mine["share"] == pytest.approx(sum(p.abs().sum() for p in parts) / total)
            assert mine["of_change"] == pytest.approx(sum(p.sum() for p in parts) / change)
            assert mine["n"] == len(each)
        assert (
            backbone_importance.importances(con, 0, row["class_id"], method="sobol")["of_change"]
            .isna()
            .all()
        )


def test_they_are_judged_beside_random_orders_and_directions(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rows = backbone_importance.fidelity(con, 0).set_index(["method", "metric"])
    assert len(rows) == 3 * len(NAMES)
    assert (rows["n"] <= EXPLAINED).all()
    assert rows[["value", "random", "control"]].notna().all().all()
    for name in ("integrated_gradients", "occlusion"):
        mine = rows.loc[name]
        assert mine.loc["C-insertion", "value"] > mine.loc["C-insertion", "random"]
        assert mine.loc["C-deletion", "value"] < mine.loc["C-deletion", "random"]
        assert mine.loc["C-muFidelity", "value"] > 0.5 > mine.loc["C-muFidelity", "random"]


def test_a_linear_read_out_needs_no_passes(tiny_store: Path) -> None:
    with open_readonly(tiny_store) as con:
        assert con.execute("SELECT count(*) FROM backbone_explanation").fetchone() == (0,)
        assert con.execute("SELECT min(n) FROM quality WHERE measure = 'readout'").fetchone() == (
            8,
        )  # all eight labelled test images


def test_a_classifier_that_reads_the_cls_token_alone_is_told(
    vit: Path, shapes: Path, tmp_path: Path
) -> None:
    with open_readonly(fake_vit.explained(shapes, vit, fake_vit.LAST, tmp_path)) as con:
        for table in ("backbone_explanation", "backbone_importance", "backbone_fidelity"):
            assert con.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
        told = dict(con.execute("SELECT stage, message FROM notice").fetchall())
        readouts = con.execute("SELECT count(*) FROM quality WHERE measure = 'readout'").fetchone()
    assert "rest on none; choose an earlier layer" in told["importance"]
    assert "reconstructions change nothing" in told["quality"]
    assert readouts == (0,)


@pytest.fixture
def page(
    explained_store: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., AppTest]]:
    def open_(**params: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(explained_store)])
        at = AppTest.from_file(str(MAIN), default_timeout=60)
        at.query_params.update(params)
        opening.choose(at, "classes")
        at.query_params.update(params)
        at.run()
        assert not at.exception, at.exception[0].value
        return at

    yield open_
    st.cache_resource.clear()


def test_the_page_shows_each_method_with_its_n(
    explained_store: Path, page: Callable[..., AppTest]
) -> None:
    """Of a store without a head, which has nothing else to show here."""
    # the app opens the file with settings of its own, so no other connection may be open then
    with open_readonly(explained_store) as con:
        y, n = (int(v) for v in backbone_importance.classes(con, 0)[["class_id", "n"]].iloc[0])
        image = int(backbone_importance.images(con, 0, y)["image_id"].iloc[0])
        occluded = backbone_importance.importances(con, 0, y, method="occlusion")
        one = backbone_importance.importances(con, 0, y, method="sobol", image_id=image)
        every = backbone_importance.importances(con, 0, y, method="sobol")
    for asked, n_shown, wanted in (
        (f"own.occlusion.{y}", n, occluded),
        (f"own.sobol.{y}.{image}", 1, one),
    ):
        at = page(im=asked)
        options = at.segmented_control(key="im_method").options
        assert len(options) == len(NAMES)
        assert all(o.endswith(f"n = {n_shown}") for o in options)
        shown = at.dataframe[0].value
        np.testing.assert_allclose(shown["value"], wanted["value"])
        np.testing.assert_allclose(shown["size"], 100 * wanted["share"])
    assert not np.allclose(one["share"], every["share"].iloc[: len(one)])
    at.selectbox(key="im_image_id").set_value(-1).run()
    assert at.query_params["im"] == f"own.sobol.{y}"
    np.testing.assert_allclose(at.dataframe[0].value["value"], every["value"])
