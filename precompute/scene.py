"""The images as every bank of a build sees them: classes, splits, labels, masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from core.types import Labels


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
