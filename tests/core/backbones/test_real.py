"""The generic path on real checkpoints and photographs, where they are at hand."""

from __future__ import annotations

import csv

import pytest
import torch
from paths import ROOT
from PIL import Image, ImageOps

from core import backbones

REAL = ROOT.parent / "shared" / "real"
MODELS = ("mobilenet_v2_imagenet", "mobilenet_v2_inat_bird")
N_IMAGES = 24

pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="real models and images are not at ../shared/real"
)


def photographs() -> list[tuple[Image.Image, int]]:
    folder = REAL / "imagenet500"
    with (folder / "labels.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))[:: 500 // N_IMAGES][:N_IMAGES]
    images = []
    for row in rows:
        with Image.open(folder / row["file"]) as image:
            picture = ImageOps.exif_transpose(image).convert("RGB")
        images.append((picture, int(row["class_index"])))
    return images


@pytest.mark.parametrize("name", MODELS)
def test_real_classifier_is_linear_on_the_mean_of_its_last_tokens(name: str) -> None:
    backbone = backbones.load(str(REAL / "models" / name))
    assert backbone.layer == "mobilenet_v2.conv_1x1"
    readout = backbone.linear_readout()
    assert readout is not None
    weight, bias = map(torch.from_numpy, readout)
    assert weight.shape == (len(backbone.outputs), 1280)
    pictures = [picture for picture, _ in photographs()[:4]]
    seen = backbone.forward(backbone.preprocess(pictures))
    assert seen.grid == (7, 7)
    assert seen.logits is not None
    torch.testing.assert_close(
        seen.tokens.mean(1) @ weight.T + bias, seen.logits, rtol=1e-4, atol=1e-3
    )


def test_earlier_layers_are_finer() -> None:
    found = backbones.list_layers(str(REAL / "models" / MODELS[0])).layers
    grids = {tuple(info.grid) for info in found}
    assert {(112, 112), (56, 56), (28, 28), (14, 14), (7, 7)} <= grids


def test_other_layers_have_no_linear_readout() -> None:
    path = str(REAL / "models" / MODELS[0])
    assert backbones.load(path, layer="mobilenet_v2.layer.12").linear_readout() is None


def test_most_photographs_are_recognised() -> None:
    """Top 1 of this network is 71 % over all of ImageNet; chance is 0.1 %."""
    backbone = backbones.load(str(REAL / "models" / MODELS[0]))
    pictures, classes = zip(*photographs(), strict=True)
    logits = backbone.forward(backbone.preprocess(pictures)).logits
    assert logits is not None
    right = (logits.argmax(1) == torch.tensor(classes)).float().mean()
    assert right > 0.5
    assert backbone.outputs[0] == "tench, Tinca tinca"
