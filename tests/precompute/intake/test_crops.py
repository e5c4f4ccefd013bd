"""Cutting crops: where they lie, that they cover the image, that work is kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from fakes import FakeBackbone
from PIL import Image

from core import backbones
from core.backbones.earlier import at_earlier_layer
from core.types import Activations
from data.datasets.types import Dataset
from precompute.intake import crops as cropping
from precompute.intake.activations import ActivationStore
from precompute.intake.crops import ImageCrops, Window, enlarged, tiles


@pytest.mark.parametrize("size", [(12, 20), (96, 128), (224, 224), (7, 31)])
@pytest.mark.parametrize(("patch", "stride"), [(0.3, 0.8), (0.29, 1.0), (1.0, 0.8), (0.05, 0.5)])
def test_tiles_cover_the_input_at_the_stride_asked_for(
    size: tuple[int, int], patch: float, stride: float
) -> None:
    found = tiles(size, patch=patch, stride=stride)
    seen = np.zeros(size, dtype=int)
    for at in found:
        assert (at.height, at.width) == tuple(max(1, round(patch * side)) for side in size)
        seen[at.top : at.top + at.height, at.left : at.left + at.width] += 1
    assert seen.min() >= 1
    tops = np.unique([at.top for at in found])
    steps = np.diff(tops)
    assert len(found) == len(set(found))
    assert steps.max(initial=0) <= max(1, np.ceil(stride * found[0].height))


def test_enlarging_keeps_a_constant_and_finds_the_window() -> None:
    pixels = torch.zeros(1, 3, 12, 20)
    pixels[:, :, 3:6, 10:15] = 2.0
    out = enlarged(pixels, Window(top=3, left=10, height=3, width=5))
    assert out.shape == pixels.shape
    torch.testing.assert_close(out, torch.full_like(pixels, 2.0))


class Reader(FakeBackbone):
    """Its single token is the mean colour, so that a crop says where it was cut."""

    def forward(self, pixels: torch.Tensor) -> Activations:
        seen = super().forward(pixels)
        tokens = pixels.mean((2, 3))[:, None].expand(-1, 15, -1).contiguous()
        return Activations(tokens, seen.grid, tokens[:, :0], None)


@pytest.fixture
def source(tmp_path: Path) -> ImageCrops:
    for i in range(5):
        x, y = np.meshgrid(np.arange(40), np.arange(24))
        pixels = np.stack([x * 255 // 39, y * 255 // 23, np.full_like(x, 40 * i)], axis=2)
        Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / f"{i}.png")

    store = ActivationStore([])
    view = {"view_x0": 0.0, "view_y0": 0.0, "view_x1": 1.0, "view_y1": 1.0}
    rows = pd.DataFrame([{"file": f"{i}.png", **view} for i in range(5)])
    store.__dict__.update(facts={"input": [12, 20]}, rows=rows)
    dataset = Dataset("five", tmp_path, rows)
    return ImageCrops(dataset, Reader(), store, np.array([0, 1, 3, 4]), tmp_path / "crops", batch=3)


def test_crops_are_what_their_boxes_say(source: ImageCrops) -> None:
    crops = source.take(patch=0.25, stride=1.0, n=16, seed=3)
    assert len(crops.image) == 16
    assert np.bincount(crops.image).tolist() == [4, 4, 4, 4]
    seen = (crops.activations.numpy() + 1) * 127.5 / 255  # back to 0..1
    centres = (crops.box[:, :2] + crops.box[:, 2:]) / 2
    np.testing.assert_allclose(seen[:, :2], centres, atol=0.06)
    blue = 40 * np.array([0, 1, 3, 4])[crops.image] / 255
    np.testing.assert_allclose(seen[:, 2], blue, atol=0.01)


def test_crops_are_spread_evenly_over_more_images_than_crops(source: ImageCrops) -> None:
    assert source.take(patch=0.5, stride=1.0, n=2, seed=0).image.tolist() == [0, 3]
    six = source.take(patch=0.5, stride=1.0, n=6, seed=0)
    assert sorted(np.bincount(six.image).tolist()) == [1, 1, 2, 2]


def test_boxes_lie_in_what_the_model_sees(source: ImageCrops) -> None:
    for name, value in zip(("x0", "y0", "x1", "y1"), (0.2, 0.1, 0.6, 0.9), strict=True):
        source.store.rows[f"view_{name}"] = value
    crops = source.take(patch=0.5, stride=1.0, n=16, seed=0)
    np.testing.assert_allclose(crops.box.min(0)[:2], [0.2, 0.1])
    np.testing.assert_allclose(crops.box.max(0)[2:], [0.6, 0.9])
    for image, box in zip(crops.image, crops.box, strict=True):
        window = source._window(int(image), box)
        np.testing.assert_allclose(source._box(int(image), window), box)


def test_crops_of_the_padding_alone_are_left_out(source: ImageCrops) -> None:
    source.store.rows["view_x0"], source.store.rows["view_x1"] = -1.0, 2.0
    crops = source.take(patch=0.25, stride=1.0, n=400, seed=0)
    centre = (crops.box[:, 0] + crops.box[:, 2]) / 2
    assert 0 < centre.min() < centre.max() < 1


def test_finished_crops_are_not_made_again(source: ImageCrops, monkeypatch: Any) -> None:
    monkeypatch.setattr(cropping, "_SHARD", 5)
    one = source.take(patch=0.25, stride=1.0, n=16, seed=3)
    backbone: Any = source.backbone
    shown = backbone.shown
    two = source.take(patch=0.25, stride=1.0, n=16, seed=3)
    assert backbone.shown == shown == 16
    assert torch.equal(one.activations, two.activations)


def test_part_of_the_images_names_them_anew(source: ImageCrops) -> None:
    part = source.part(np.array([1, 3]))
    crops = part.take(patch=1.0, stride=1.0, n=9, seed=0)
    assert crops.image.tolist() == [0, 1]
    blue = (crops.activations[:, 2].numpy() + 1) * 127.5
    np.testing.assert_allclose(blue, [40, 160], atol=1)


def test_earlier_layers_come_nearest_first_and_outside_the_block(tiny_model: Path) -> None:
    backbone = backbones.load(str(tiny_model), size=(24, 40))
    found = [b.layer for b in at_earlier_layer(backbone)]
    names = [layer.name for layer in backbones.list_layers(str(tiny_model), size=(24, 40)).layers]
    expected = [
        n for n in names[: names.index(backbone.layer)] if not n.startswith(f"{backbone.layer}.")
    ]
    assert found == expected[::-1]
    assert list(at_earlier_layer(FakeBackbone())) == []
    one = next(at_earlier_layer(backbone, layer=found[-1]))
    assert one.forward(torch.rand(1, 3, 24, 40)).tokens.shape[0] == 1
    with pytest.raises(ValueError, match="not earlier than"):
        next(at_earlier_layer(one, layer=backbone.layer))
    with pytest.raises(ValueError, match="does not exist"):
        next(at_earlier_layer(backbone, layer="nowhere"))


def test_earlier_finds_a_layer_that_is_never_negative(source: ImageCrops, tiny_model: Path) -> None:
    backbone = backbones.load(str(tiny_model), size=(24, 40))
    source.store.__dict__["facts"] = {"input": [24, 40]}
    source = replace(source, backbone=backbone)
    crops = source.take(patch=0.5, stride=1.0, n=8, seed=0)
    found = source.earlier(crops, np.array([1, 2, 6]), layer="")
    assert found is not None
    name, seen = found
    assert name in [b.layer for b in at_earlier_layer(backbone)]
    assert seen.shape[0] == 3
    assert seen.min() >= 0
    again = source.earlier(crops, np.array([2]), layer=name)
    assert again is not None
    torch.testing.assert_close(again[1][0], seen[1])
