"""Probes of several layers: the layers are what the network computes, the control is chance."""

from __future__ import annotations

from pathlib import Path

import fakes
import numpy as np
import pytest
import torch

from core import backbones
from core.backbones import pooled_layers
from core.recipe import parse
from data import store
from data.queries import depth as of_store
from precompute import pipeline
from precompute.quality import depth


def test_one_pass_gives_what_each_layer_gives_alone(tiny_model: Path) -> None:
    names = ["resnet.encoder.stages.1", "resnet.embedder", "resnet.encoder.stages.0"]
    opened = backbones.load(str(tiny_model), size=fakes.SIZE)
    many = pooled_layers.open_layers(opened, names)
    pixels = torch.randn(4, 3, *fakes.SIZE, generator=torch.Generator().manual_seed(1))
    found = many.pooled(pixels)
    assert many.names == (names[1], names[2], names[0])  # as the network finishes them
    for name, vectors in zip(many.names, found, strict=True):
        alone = backbones.load(str(tiny_model), layer=name, size=fakes.SIZE)
        torch.testing.assert_close(vectors, alone.forward(pixels).tokens.mean(1))
    assert [v.shape[1] for v in found] == list(many.widths)


def test_wrong_layers_are_named_before_any_work(
    shapes: Path, tiny_model: Path, tmp_path: Path
) -> None:
    text = fakes.recipe_text(shapes, tiny_model).replace("resnet.embedder", "resnet.embeder")
    with pytest.raises(ValueError, match=r"resnet\.embeder.*resnet\.embedder"):
        pipeline.run(parse(text), text=text, out=tmp_path)
    assert not list(tmp_path.glob("*.duckdb*"))
    opened = backbones.load(str(tiny_model), size=fakes.SIZE)
    with pytest.raises(ValueError, match="twice"):
        pooled_layers.open_layers(opened, ["resnet.embedder"] * 2)
    with pytest.raises(ValueError, match="one layer only"):
        pooled_layers.open_layers(fakes.FakeBackbone(), ["patches"])


def test_a_layer_that_is_not_finite_is_left_out_and_the_images_are_named(
    shapes: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = pooled_layers.ManyLayers.pooled

    def spoilt(self: pooled_layers.ManyLayers, pixels: torch.Tensor) -> list[torch.Tensor]:
        found = real(self, pixels)
        found[0][2:3, 0] = float("nan")  # the third of each eight, at the earlier layer
        return found

    monkeypatch.setattr(pooled_layers.ManyLayers, "pooled", spoilt)
    text = fakes.recipe_text(shapes, tiny_model, name="spoilt")
    banks = text[text.index("[[banks]]") : text.index("[depth]")]
    text = text.replace(banks, '[[banks]]\nmethod = "pca"\nn_concepts = 2\n')
    text = text.replace("limit = 6", "limit = 1\nfaithfulness = 0")
    path = pipeline.run(parse(text), text=text, out=tmp_path)
    with store.open_readonly(path) as con:
        notices = con.execute("SELECT subject, message FROM notice").fetchall()
        left = of_store.depth(con)
        assert set(left["layer"]) == {"resnet.encoder.stages.1"}
        assert set(left["position"]) == {0}
        held_out = [
            file
            for (file,) in con.execute(
                "SELECT file FROM image WHERE split = 'test' ORDER BY image_id"
            ).fetchall()
        ]
    assert [subject for subject, _ in notices] == ["resnet.embedder"]
    message = notices[0][1]
    spoiled = [file for file in held_out if file in message]
    assert spoiled == held_out[2::8]
    assert f"for {len(spoiled)} of {len(held_out)} images" in message


def test_probe_reads_what_is_there_and_the_control_reads_nothing() -> None:
    """Nothing in the activations tells the classes apart, so the control is at 0.5."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 6))
    classes = rng.integers(0, 10, 300)
    y = np.stack(
        [x[:, 2] + 0.3 * rng.normal(size=300) > 0, rng.random(300) < 0.4, np.ones(300)], axis=1
    ).astype(float)
    y[::7, 0] = np.nan
    found = depth.probe(x, y, classes, seed=1).set_index("labelled_id")
    assert found.index.tolist() == [0, 1]  # a label that all images show cannot be read
    assert found.loc[0, "auc"] > 0.95
    assert found.loc[1, "auc"] == pytest.approx(0.5, abs=0.12)
    assert found["control"].to_numpy() == pytest.approx([0.5, 0.5], abs=0.08)
    assert (found["lo"] < found["auc"]).all()
    assert (found["auc"] < found["hi"]).all()
    assert found.loc[0, "n"] == (~np.isnan(y[:, 0])).sum()
    assert found.loc[0, "n_positive"] == (y[:, 0] == 1).sum()


def test_control_betrays_a_probe_that_reads_the_class() -> None:
    """A label that some classes show and others do not, where the activations are the class and
    noise: any grouping of the classes is read off as well. Where they hold the label beside the
    class, it is read off better."""
    rng = np.random.default_rng(2)
    classes = np.arange(400) % 40
    centre = rng.normal(size=(40, 12))
    x = centre[classes] + 0.5 * rng.normal(size=(400, 12))
    y = (classes % 2 == 0).astype(float)[:, None]
    found = depth.probe(x, y, classes, seed=1)
    assert found["control"][0] > 0.65  # values shuffled over images gave 0.5 here
    assert abs(found["auc"][0] - found["control"][0]) < 0.12
    x[:, 0] += 4 * y[:, 0]
    found = depth.probe(x, y, classes, seed=1)
    assert found["auc"][0] - found["control"][0] > 0.15


def test_without_classes_there_is_no_control() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(60, 4)), (np.arange(60) % 2).astype(float)[:, None]
    for classes in (np.zeros(60, dtype=np.int64), np.full(60, -1)):
        assert np.isnan(depth.probe(x, y, classes, seed=1)["control"][0])


def test_store_holds_a_row_for_every_label_and_layer(tiny_store: Path) -> None:
    with store.open_readonly(tiny_store) as con:
        rows = of_store.depth(con)
        held_out = con.execute("SELECT count(*) FROM image WHERE split = 'test'").fetchall()[0][0]
    assert rows.drop_duplicates("layer")["layer"].tolist() == [
        "resnet.embedder",
        "resnet.encoder.stages.1",
    ]
    assert rows.drop_duplicates("layer")[["grid_h", "grid_w", "width"]].to_numpy().tolist() == [
        [6, 10, 8],
        [3, 5, 12],
    ]
    assert set(rows["name"]) == {"shape: disc", "shape: square", "striped"}  # colours: one a fold
    assert (rows["n"] <= held_out).all()
    assert (rows["n_positive"] < rows["n"]).all()
