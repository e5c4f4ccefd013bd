"""The images as every bank of a build sees them: classes, splits, labels, masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from core.types import Grid, Labels
from data.datasets.types import Dataset
from precompute import truth
from precompute.activations import ActivationStore
from precompute.classes import Classes

MASKED = 300
"""held-out images whose masks judge maps"""


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
    labels = truth.labels(dataset, rows, train=train, test=held_out)
    masked = np.arange(0)
    covered = np.zeros((0, len(dataset.labelled)), dtype=np.float32)
    if labels is not None and len(dataset.masks):
        have = set(dataset.masks["image_id"])
        chosen = [i for i, row in enumerate(held_out) if rows["image_id"][row] in have][:MASKED]
        masked = held_out[chosen]
        grid = Grid(*activations.facts["grid"])
        covered = truth.coverage(dataset, rows.iloc[masked], grid, present=labels.test[chosen])
    return Scene(
        class_of=classes.of_image,
        n_classes=len(classes.frame),
        train=train,
        held_out=held_out,
        labels=labels,
        masked=masked,
        covered=covered,
        seed=seed,
    )
