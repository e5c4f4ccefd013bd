"""What is known of a build before any bank is fitted: its images, labels, masks and points, the
activations of its backbone, and what its recipe asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer
from torch import Tensor

from core.backbones import link_of
from core.kinds import FITTED, TEST, TRAIN, VAL, Link
from core.metrics.enlarge import Picture
from core.recipe import Recipe
from core.sampling import evenly
from core.types import Backbone, Box, Grid, Labels, Targets
from data.datasets import Dataset, check_train
from precompute.intake import truth
from precompute.intake.activations import ActivationStore
from precompute.intake.classes import Classes, targets_of
from precompute.intake.log import Log
from precompute.intake.sources import Sources

MASKED = 300
"""images whose masks judge maps, at most: so many held out, and so many to train on"""
PLACED = 200
"""held-out images whose points judge maps, evenly spread"""
VIEW = ("view_x0", "view_y0", "view_x1", "view_y1")


class Masks(NamedTuple):
    """Images whose masks judge maps or take part in naming; there may be none."""

    images: Integer[np.ndarray, " m"]
    covered: Float[np.ndarray, "mt l"]
    """share of each of their token cells in each labelled concept's mask"""


class Points(NamedTuple):
    """Images that have the place of a part which some labelled concept belongs to."""

    images: Integer[np.ndarray, " m"]
    pictures: tuple[Picture, ...]
    """of each: its size, the part that the model sees, and its points"""


@dataclass(frozen=True)
class Build:
    """Rows index the usable images, in order."""

    recipe: Recipe
    dataset: Dataset
    backbone: Backbone
    model: str
    """directory or hub name that the backbone was opened from"""
    device: str
    """torch device of the backbone and of what trains long"""
    log: Log
    work: Path
    """folder of what is made on the way"""
    activations: ActivationStore
    pooled: Float[np.ndarray, "n d"]
    """mean over an image's tokens"""
    logits: Float[np.ndarray, "n y"] | None
    """None: the backbone does not classify"""
    grid: Grid
    classes: Classes
    split: np.ndarray
    """name of each image's split"""
    train: Integer[np.ndarray, " a"]
    held_out: Integer[np.ndarray, " b"]
    labels: Labels | None
    """rows: train and held_out"""
    presence: Float[np.ndarray, "n l"] | None
    """the same of every image: 1, 0, NaN unknown"""
    parts: tuple[str | None, ...]
    """by labelled concept: the part whose points tell where it is"""
    points: Points
    """of held-out images"""
    masks: Masks
    """of held-out images"""
    masks_train: Masks
    targets: Targets | None = None
    """of a multi-label set, the labels of every image, whose `class_of` is then -1"""
    cls: Float[np.ndarray, "n d"] | None = None
    """CLS tokens; None: there is none at the layer, or nothing reads it"""

    @property
    def link(self) -> Link:
        """How the backbone's logits become probabilities."""
        return link_of(self.backbone)

    @property
    def seed(self) -> int:
        return self.recipe.seed

    @property
    def rows(self) -> pd.DataFrame:
        """Facts of every image; see `ActivationStore.rows`."""
        return self.activations.rows

    @property
    def image_ids(self) -> Integer[np.ndarray, " n"]:
        return self.rows["image_id"].to_numpy()

    @property
    def class_of(self) -> Integer[np.ndarray, " n"]:
        """class_id of each image's label; -1: unlabelled."""
        return self.classes.of_image

    @property
    def n_classes(self) -> int:
        return len(self.classes.frame)

    @property
    def class_names(self) -> tuple[str, ...]:
        """By class_id."""
        return tuple(self.classes.frame["name"])

    @property
    def output_classes(self) -> Integer[np.ndarray, " y"]:
        """class_id of each logit of the backbone."""
        return self.classes.of_output

    @property
    def label_names(self) -> list[str]:
        """Of the labelled concepts, by labelled_id."""
        return self.dataset.labelled.sort_values("labelled_id")["name"].tolist()

    @property
    def by_image(self) -> bool:
        """Whether the labels are of images, not of classes."""
        return self.labels is not None and self.labels.level == "image"

    @property
    def held_out_splits(self) -> str:
        """The splits of the held-out images, joined by " + "; "": there is no such image."""
        return " + ".join(dict.fromkeys(self.split[self.held_out]))

    @property
    def chosen_on(self) -> Integer[np.ndarray, " v"]:
        """Images of the split on which strengths are chosen; there may be none."""
        return np.flatnonzero(self.split == VAL)

    @property
    def judged(self) -> list[str]:
        """Splits that nothing was fitted to or chosen on, in order."""
        return [split for split in dict.fromkeys(self.split) if split not in FITTED]


def gather(
    recipe: Recipe,
    sources: Sources,
    activations: ActivationStore,
    classes: Classes,
    work: Path,
) -> Build:
    """Lines up what the data set knows with the images that could be used."""
    dataset, rows = sources.dataset, activations.rows
    split = rows["split"].to_numpy()
    train, held_out = _sides(dataset, rows)
    everywhere = truth.labels_of(dataset, rows, train=np.arange(len(rows)), test=np.arange(0))
    labels = truth.labels_of(dataset, rows, train=train, test=held_out)
    grid = Grid(*activations.facts["grid"])
    masks = masks_train = Masks(
        np.arange(0), np.zeros((0, len(dataset.labelled)), dtype=np.float32)
    )
    if labels is not None and len(dataset.masks):
        masks = _masks(dataset, rows, held_out, labels.test, grid)
        masks_train = _masks(dataset, rows, train, labels.train, grid)
    parts, points = _points(dataset, rows, held_out)
    return Build(
        recipe=recipe,
        dataset=dataset,
        backbone=sources.backbone,
        model=sources.model,
        device=sources.device,
        log=sources.log,
        work=work,
        activations=activations,
        pooled=activations.pooled(),
        logits=activations.logits(),
        grid=grid,
        classes=classes,
        split=split,
        train=train,
        held_out=held_out,
        labels=labels,
        presence=None if everywhere is None else everywhere.train,
        parts=parts,
        points=points,
        masks=masks,
        masks_train=masks_train,
        targets=targets_of(dataset.carried, dataset.labels, classes, rows["image_id"].tolist()),
        cls=activations.cls(),
    )


def _sides(
    dataset: Dataset, rows: pd.DataFrame
) -> tuple[Integer[np.ndarray, " a"], Integer[np.ndarray, " b"]]:
    """Images to fit on, and images to judge by. Raises ValueError without an image to fit on."""
    split = rows["split"].to_numpy()
    train = np.flatnonzero(split == TRAIN)
    check_train(split.tolist(), f"the images of {dataset.name} that can be used")
    # further splits may be shifted on purpose, so "test" is preferred where it exists
    held_out = np.flatnonzero(split == TEST)
    if held_out.size == 0:
        copies = rows["image_id"].isin(dataset.altered["image_id"]).to_numpy()
        held_out = np.flatnonzero(~np.isin(split, FITTED) & ~copies)
    return train, held_out


def _masks(
    dataset: Dataset,
    rows: pd.DataFrame,
    among: Integer[np.ndarray, " n"],
    present: Float[np.ndarray, "n l"],
    grid: Grid,
) -> Masks:
    """Those of the images that have masks, evenly spread over them, and what the masks cover."""
    have = np.flatnonzero(rows["image_id"].iloc[among].isin(dataset.masks["image_id"]))
    chosen = have[evenly(len(have), MASKED)]
    covered = truth.coverage(dataset, rows.iloc[among[chosen]], grid, present=present[chosen])
    return Masks(among[chosen], covered)


def _points(
    dataset: Dataset, rows: pd.DataFrame, held_out: Integer[np.ndarray, " b"]
) -> tuple[tuple[str | None, ...], Points]:
    """The part of each labelled concept that has points, and held-out images with those."""
    seen = dataset.parts[dataset.parts["visible"].astype(bool)] if len(dataset.parts) else None
    names = set() if seen is None else set(seen["part"])
    wanted = dataset.labelled.sort_values("labelled_id")["part"].tolist()
    parts = tuple(part if part in names else None for part in wanted)
    placed = np.arange(0)
    points: dict[int, dict[str, list[tuple[float, float]]]] = {}
    if seen is not None and any(parts):
        for row in seen.to_dict("records"):
            if row["part"] in parts:
                mine = points.setdefault(row["image_id"], {})
                mine.setdefault(row["part"], []).append((row["x"], row["y"]))
        marked = held_out[rows["image_id"].iloc[held_out].isin(list(points))]
        if len(marked):
            placed = marked[evenly(len(marked), PLACED)]
    pictures = tuple(
        Picture(r["width"], r["height"], Box(*(r[c] for c in VIEW)), points[r["image_id"]])
        for r in rows.iloc[placed].to_dict("records")
    )
    return parts, Points(placed, pictures)


def pixels_of(build: Build, image_ids: Sequence[int]) -> Float[Tensor, "n 3 H W"]:
    """Decoded again: a few images cost less than keeping all pixels."""
    files = dict(zip(build.rows["image_id"], build.rows["file"], strict=True))
    opened = [build.dataset.open(files[i]) for i in image_ids]
    return build.backbone.preprocess(opened)
