"""Training the demonstration backbone: what is saved, what is reported, and that it repeats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from core import backbones
from data.datasets.types import Dataset
from precompute.demo import aviary_backbone, training
from tests.precompute.demo.coloured import coloured


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return coloured(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def trained(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> training.Trained:
    out = tmp_path_factory.mktemp("backbone") / "colours"
    return aviary_backbone.train_backbone(dataset, out, seed=0, epochs=9, progress=False)


def test_accuracy_is_told_for_every_split(trained: training.Trained) -> None:
    assert trained.n_images == {"train": 66, "test": 15, "shifted": 15}
    assert trained.accuracy["test"] > 0.9
    assert trained.accuracy["shifted"] < 0.1


def test_loader_reads_what_was_saved(dataset: Dataset, trained: training.Trained) -> None:
    backbone = backbones.load(str(trained.path))
    assert backbone.outputs == ("finch", "heron", "wren")
    assert backbone.view(128, 96) == (0, 0, 1, 1)
    images = dataset.images[dataset.images["split"] == "test"]
    pictures = [dataset.open(file) for file in images["file"]]
    pixels = backbone.preprocess(pictures)
    assert pixels.shape == (15, 3, 96, 128)
    seen = backbone.forward(pixels)
    assert seen.grid == (12, 16)
    assert (seen.tokens >= 0).all()
    assert seen.logits is not None
    told = [backbone.outputs[index] for index in seen.logits.argmax(1).tolist()]
    accuracy = np.mean([a == b for a, b in zip(told, images["label"], strict=True)])
    assert accuracy == pytest.approx(trained.accuracy["test"])
    assert backbone.linear_readout() is not None


def test_training_pixels_are_those_of_the_saved_processor(
    dataset: Dataset, trained: training.Trained
) -> None:
    files = dataset.images["file"].tolist()[:3]
    read = training.normalised(training.read(dataset, files, progress=False))
    processed = backbones.load(str(trained.path)).preprocess([dataset.open(files[0])])
    torch.testing.assert_close(read[:1], processed, rtol=1e-5, atol=1e-5)


def test_same_seed_same_weights(dataset: Dataset, tmp_path: Path) -> None:
    prints = [
        backbones.load(
            str(
                aviary_backbone.train_backbone(
                    dataset, tmp_path / str(run), seed=seed, epochs=1, progress=False
                ).path
            )
        ).fingerprint
        for run, seed in enumerate((0, 0, 1))
    ]
    assert prints[0] == prints[1] != prints[2]


def test_nothing_is_overwritten_and_nothing_is_left_behind(
    dataset: Dataset, trained: training.Trained
) -> None:
    with pytest.raises(FileExistsError, match="remove it to train"):
        aviary_backbone.train_backbone(dataset, trained.path, epochs=1, progress=False)
    assert [path.name for path in trained.path.parent.iterdir()] == [trained.path.name]


def test_unlabelled_images_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    bare = Dataset(name="bare", root=dataset.root, images=dataset.images.assign(label=None))
    with pytest.raises(ValueError, match="'bare' has 0 classes"):
        aviary_backbone.train_backbone(bare, tmp_path / "bare", epochs=1, progress=False)
