"""The images as every bank of a build sees them: classes, splits, labels, masks."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from core.sampling import evenly
from core.types import Grid, Labels
from data.datasets import Dataset
from precompute.intake import truth
from precompute.intake.activations import ActivationStore
from precompute.intake.classes import Classes

MASKED = 300
"""images whose masks judge maps, at most: so many held out, and so many to train on"""


@dataclass(frozen=True)
class Scene:
    """The images as all banks see them. Rows index the usable images, in order."""

    class_of: Integer[np.ndarray, " n"]
    """-1: unlabelled"""
    n_classes: int
    train: Integer[np.ndarray, " a"]
    held_out: Integer[np.ndarray, " b"]
    labels: Labels | None
    """rows: train and held_out"""
    masked: Integer[np.ndarray, " m"]
    """images (of held_out) whose masks judge maps; may be none"""
    covered: Float[np.ndarray, "mt l"]
    """share of each of their token cells in each labelled concept's mask"""
    seed: int
    masked_train: Integer[np.ndarray, " p"] = field(default_factory=lambda: np.arange(0))
    """images (of train) whose masks take part in naming; may be none"""
    covered_train: Float[np.ndarray, "pt _"] = field(default_factory=lambda: np.zeros((0, 0)))
    """as covered"""


def set_scene(
    dataset: Dataset,
    activations: ActivationStore,
    classes: Classes,
    *,
    seed: int,
) -> Scene:
    rows = activations.rows
    split = rows["split"].to_numpy()
    train = np.flatnonzero(split == "train")
    # further splits may be shifted on purpose, so "test" is preferred where it exists
    held_out = np.flatnonzero(split == "test")
    if held_out.size == 0:
        copies = rows["image_id"].isin(dataset.altered["image_id"]).to_numpy()
        held_out = np.flatnonzero((split != "train") & ~copies)
    if train.size == 0:
        train, held_out = np.arange(len(rows)), np.arange(0)
    labels = truth.labels_of(dataset, rows, train=train, test=held_out)
    masked = masked_train = np.arange(0)
    covered = covered_train = np.zeros((0, len(dataset.labelled)), dtype=np.float32)
    if labels is not None and len(dataset.masks):
        grid = Grid(*activations.facts["grid"])
        masked, covered = _masks(dataset, rows, held_out, labels.test, grid)
        masked_train, covered_train = _masks(dataset, rows, train, labels.train, grid)
    return Scene(
        class_of=classes.of_image,
        n_classes=len(classes.frame),
        train=train,
        held_out=held_out,
        labels=labels,
        masked=masked,
        covered=covered,
        seed=seed,
        masked_train=masked_train,
        covered_train=covered_train,
    )


def _masks(
    dataset: Dataset,
    rows: pd.DataFrame,
    among: Integer[np.ndarray, " n"],
    present: Float[np.ndarray, "n l"],
    grid: Grid,
) -> tuple[Integer[np.ndarray, " m"], Float[np.ndarray, "mt l"]]:
    """Those of the images that have masks, evenly spread over them, and what the masks cover."""
    have = np.flatnonzero(rows["image_id"].iloc[among].isin(dataset.masks["image_id"]))
    chosen = have[evenly(len(have), MASKED)]
    covered = truth.coverage(dataset, rows.iloc[among[chosen]], grid, present=present[chosen])
    return among[chosen], covered
