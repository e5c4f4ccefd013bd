"""What is known of a build, by hand: what a test does not say is nothing, or not known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pandas as pd
from jaxtyping import Integer

from core.recipe import parse
from core.types import Grid
from data.datasets import Dataset
from precompute.intake.activations import ActivationStore
from precompute.intake.build import Build, Masks, Points
from precompute.intake.classes import Classes
from precompute.intake.log import Log

NO_IMAGES = np.arange(0)
RECIPE = parse(fakes.recipe_text(Path("shapes.csv"), "fake"))


def classes(of_image: Integer[np.ndarray, " n"], *names: str) -> Classes:
    """All of them labelled, and outputs of the backbone in this order."""
    ids = np.arange(len(names))
    frame = pd.DataFrame({"class_id": ids, "name": list(names), "output": ids})
    return Classes(frame, of_image)


def masks(images: Integer[np.ndarray, " m"] = NO_IMAGES, covered: Any = None) -> Masks:
    return Masks(images, np.zeros((0, 0), dtype=np.float32) if covered is None else covered)


class _Rows(ActivationStore):
    """Facts of images without anything on disk."""

    def __init__(self, rows: pd.DataFrame) -> None:
        super().__init__([])
        self.__dict__["rows"] = rows


def build(*, seed: int = 0, rows: pd.DataFrame | None = None, **known: Any) -> Build:
    """`known` are fields of `Build`; without `split`, an image is of "train" or of "test"."""
    if rows is not None:
        known["activations"] = _Rows(rows)
    n = len(known["classes"].of_image) if "classes" in known else 0
    train = known.get("train", NO_IMAGES)
    split = np.where(np.isin(np.arange(n), train), "train", "test").astype(object)
    empty = pd.DataFrame({"image_id": [], "file": [], "label": [], "split": []})
    nothing: dict[str, Any] = {
        "recipe": replace(RECIPE, seed=seed),
        "dataset": Dataset("by hand", Path(), empty),
        "backbone": fakes.FakeBackbone(),
        "model": "",
        "device": "cpu",
        "log": Log(),
        "work": Path(),
        "activations": ActivationStore([]),
        "pooled": np.zeros((n, 0), dtype=np.float32),
        "logits": None,
        "grid": Grid(1, 1),
        "classes": classes(NO_IMAGES),
        "split": split,
        "train": train,
        "held_out": NO_IMAGES,
        "labels": None,
        "presence": None,
        "parts": (),
        "points": Points(NO_IMAGES, ()),
        "masks": masks(),
        "masks_train": masks(),
    }
    return Build(**(nothing | known))
