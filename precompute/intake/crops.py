"""Crops of the train images through the model, in shards on disk; see `core.types.CropSource`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, Integer
from torch import Tensor
from torch.nn.functional import interpolate

from core.backbones import at_earlier_layer
from core.sampling import evenly
from core.types import Backbone, Box, Crops, FitData
from data.datasets import Dataset
from precompute.intake import shards
from precompute.intake.activations import ActivationStore
from precompute.intake.build import Build
from precompute.intake.identity import short_hash
from precompute.intake.streams import StoredTokens

_SHARD = 512
"""crops a shard"""


@dataclass(frozen=True)
class Window:
    """Part of the model's input, in whole pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class ImageCrops:
    """Crops of the images of some rows of an ActivationStore."""

    dataset: Dataset
    backbone: Backbone
    store: ActivationStore
    chosen: Integer[np.ndarray, " n"]
    """rows of `store.rows`, ascending; crops name them by their place here"""
    folder: Path
    batch: int

    def part(self, rows: Integer[np.ndarray, " p"]) -> ImageCrops:
        return replace(self, chosen=self.chosen[rows])

    def take(self, *, patch: float, stride: float, n: int, seed: int) -> Crops:
        windows = tiles(self._input, patch=patch, stride=stride)
        rng = np.random.default_rng(seed)
        n_images = min(len(self.chosen), n)
        images = evenly(len(self.chosen), n_images)
        share, more = divmod(n, n_images)
        # which images give one crop more is spread, too
        extra = set(evenly(n_images, more).tolist())
        found, boxes = [], []
        for place, image in enumerate(images.tolist()):
            mine = [self._box(image, window) for window in windows]
            # a processor that pads shows the model more than the picture
            mine = [box for box in mine if (np.abs(box[:2] + box[2:] - 1) < 1).all()]
            drawn = rng.permutation(len(mine))[: share + (place in extra)]
            boxes += [mine[at] for at in np.sort(drawn)]
            found += [image] * len(drawn)
        image_of, box_of = np.array(found), np.array(boxes)
        return Crops(self._seen(image_of, box_of, self.backbone), image_of, box_of)

    def earlier(
        self, crops: Crops, chosen: Integer[np.ndarray, " m"], *, layer: str
    ) -> tuple[str, Float[Tensor, "m e"]] | None:
        image, box = crops.image[chosen], crops.box[chosen]
        _, probe = next(self._batches(image, box, np.arange(len(image))))
        here = self.backbone.forward(probe).tokens
        for backbone in at_earlier_layer(self.backbone, layer=layer):
            there = backbone.forward(probe).tokens
            same = there.shape == here.shape and bool(torch.equal(there, here))
            if layer or not (same or bool((there < 0).any())):
                seen = self._seen(image, box, backbone)
                if layer or seen.min() >= 0:
                    return backbone.layer, seen
        return None

    @property
    def _input(self) -> tuple[int, int]:
        """Rows and columns of the model's input."""
        h, w = self.store.facts["input"]
        return int(h), int(w)

    def _view(self, image: int) -> Box:
        row = self.store.rows.iloc[int(self.chosen[image])]
        return Box(*(float(row[f"view_{side}"]) for side in ("x0", "y0", "x1", "y1")))

    def _box(self, image: int, window: Window) -> Float64[np.ndarray, " 4"]:
        """Of the upright image, as if the tokens' grid spanned the whole input."""
        (rows, columns), view = self._input, self._view(image)
        x = np.array([window.left, window.left + window.width]) / columns
        y = np.array([window.top, window.top + window.height]) / rows
        x = view.x0 + x * (view.x1 - view.x0)
        y = view.y0 + y * (view.y1 - view.y0)
        return np.array([x[0], y[0], x[1], y[1]])

    def _window(self, image: int, box: Float64[np.ndarray, " 4"]) -> Window:
        """The inverse of `_box`."""
        (rows, columns), view = self._input, self._view(image)
        x = np.rint((box[[0, 2]] - view.x0) / (view.x1 - view.x0) * columns).astype(int)
        y = np.rint((box[[1, 3]] - view.y0) / (view.y1 - view.y0) * rows).astype(int)
        return Window(int(y[0]), int(x[0]), int(y[1] - y[0]), int(x[1] - x[0]))

    def _seen(
        self,
        image: Integer[np.ndarray, " c"],
        box: Float64[np.ndarray, "c 4"],
        backbone: Backbone,
    ) -> Float[Tensor, "c d"]:
        """Mean tokens of crops at the layer of `backbone`, worked in shards."""
        name = short_hash(backbone.layer, str(self.chosen[image].tolist()), str(box.tolist()))
        rows = np.arange(len(image))
        parts = [rows[i : i + _SHARD] for i in range(0, len(rows), _SHARD)]
        folders = [self.folder / name / f"{i:05d}" for i in range(len(parts))]

        def work(i: int, out: Path) -> dict[str, Any]:
            means = [
                backbone.forward(pixels).tokens.float().mean(1).cpu().numpy()
                for _, pixels in self._batches(image, box, parts[i])
            ]
            np.save(out / "means.npy", np.concatenate(means))
            return {"n": len(parts[i])}

        units = [len(part) for part in parts]
        shards.run_shards("crops → activations", folders, work, units=units, unit="crops")
        return torch.from_numpy(np.concatenate([np.load(f / "means.npy") for f in folders]))

    def _batches(
        self,
        image: Integer[np.ndarray, " c"],
        box: Float64[np.ndarray, "c 4"],
        rows: Int64[np.ndarray, " r"],
    ) -> Iterator[tuple[Int64[np.ndarray, " b"], Float[Tensor, "b 3 H W"]]]:
        """Some crops' enlarged pixels, at most `batch` at once, in order."""
        files = self.store.rows["file"].to_numpy()
        opened, pixels = -1, torch.zeros(0)
        for part in np.array_split(rows, math.ceil(len(rows) / self.batch)):
            found = []
            for row in part:
                if image[row] != opened:
                    opened = int(image[row])
                    picture = self.dataset.open(files[self.chosen[opened]])
                    pixels = self.backbone.preprocess([picture])
                found.append(enlarged(pixels, self._window(opened, box[row])))
            yield part, torch.cat(found)


def tiles(size: tuple[int, int], *, patch: float, stride: float) -> list[Window]:
    """Windows of the input's shape that cover it, at steps of at most stride * patch."""
    height, width = (max(1, round(patch * side)) for side in size)

    def starts(side: int, length: int) -> list[int]:
        n = 1 + math.ceil((side - length) / max(1.0, stride * length))
        return sorted({round(at) for at in np.linspace(0, side - length, n)})

    return [
        Window(top, left, height, width)
        for top in starts(size[0], height)
        for left in starts(size[1], width)
    ]


def enlarged(pixels: Float[Tensor, "1 3 H W"], window: Window) -> Float[Tensor, "1 3 H W"]:
    """The window at the input's size, bilinear."""
    rows = slice(window.top, window.top + window.height)
    columns = slice(window.left, window.left + window.width)
    size = (pixels.shape[2], pixels.shape[3])
    return interpolate(pixels[:, :, rows, columns], size, mode="bilinear", align_corners=False)


def lend_crops(data: FitData, build: Build) -> FitData:
    """The same with the means to cut crops of the train images."""
    tokens = data.tokens
    assert isinstance(tokens, StoredTokens)
    folder, batch = build.work / "crops", build.recipe.backbone.batch
    source = ImageCrops(build.dataset, build.backbone, tokens.store, tokens.chosen, folder, batch)
    return replace(data, crops=source)
