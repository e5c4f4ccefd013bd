"""The demonstration's ViT: it learns, reads its CLS token, and its default layer is one before."""

from __future__ import annotations

import pytest

from core import backbones
from data.datasets.types import Dataset
from precompute.demo import aviary_vit, training
from tests.precompute.demo.coloured import coloured


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return coloured(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> training.Trained:
    out = tmp_path_factory.mktemp("vit") / "colours"
    return aviary_vit.train_vit(dataset, out, seed=0, epochs=9, progress=False)


def test_it_learns(trained: training.Trained) -> None:
    assert trained.n_images == {"train": 66, "test": 15, "shifted": 15}
    assert trained.accuracy["test"] > 0.9


def test_its_default_layer_is_the_last_whose_patches_are_read(trained: training.Trained) -> None:
    backbone = backbones.load(str(trained.path))
    assert backbone.layer == "vit.layers.2"
    assert backbone.linear_readout() is None


def test_the_loader_gives_the_accuracy_that_training_told(
    dataset: Dataset, trained: training.Trained
) -> None:
    backbone = backbones.load(str(trained.path))
    images = dataset.images[dataset.images["split"] == "test"]
    seen = backbone.forward(backbone.preprocess([dataset.open(f) for f in images["file"]]))
    assert seen.grid == (12, 12)
    assert seen.logits is not None
    found = [backbone.outputs[i] for i in seen.logits.argmax(1)]
    right = sum(a == b for a, b in zip(found, images["label"], strict=True)) / len(found)
    assert right == pytest.approx(trained.accuracy["test"])
