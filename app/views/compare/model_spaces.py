"""Do two models' activations live in one space, and where do a concept's images move in it?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Float64, Int64

from app import db
from core.compare import matching
from data.queries import build, compare_models

ALIGNED = 0.5
"""median correlation of the channels from which two models are said to share a space"""
FEWEST = 10
"""images with stored activations below which only the models' names can tell"""


@dataclass(frozen=True)
class Space:
    shared: bool
    about: str
    """why, in words"""
    rows: Int64[np.ndarray, " m"]
    """of the pairs of images: those whose activations both stores hold"""
    before: Float64[np.ndarray, "m d"]
    """pooled activations, unit of activation"""
    after: Float64[np.ndarray, "m d"]

    @property
    def size(self) -> float:
        """Of the mean shift over all of the images; NaN without any."""
        if not len(self.rows):
            return float("nan")
        return float(np.linalg.norm((self.after - self.before).mean(0)))


def between(one: str, two: str, pairs: pd.DataFrame) -> Space:
    """Of two stores (stems); `pairs` holds image_id_a and image_id_b of the shared images.

    Models of equal width share a space where their channels, taken one by one, correlate over the
    images: a checkpoint and its fine-tuned copy do, models trained apart do not.
    """
    nothing = np.zeros((0, 0))
    none = np.zeros(0, dtype=np.int64)
    if one == two:
        about = "Both banks are of one store: their directions share a space."
        return Space(True, about, none, nothing, nothing)
    left, right = (build.build(db.cursor(stem)) for stem in (one, two))
    if left.width != right.width:
        about = f"Layers of {left.width:,} and {right.width:,} channels share no space: no cosine."
        return Space(False, about, none, nothing, nothing)
    held = []
    for stem, which in ((one, "a"), (two, "b")):
        images = pairs[f"image_id_{which}"].to_numpy()
        ids, vectors = compare_models.pooled(db.cursor(stem), images)
        place = {int(i): row for row, i in enumerate(ids)}
        held.append((np.array([place.get(int(i), -1) for i in images], dtype=np.int64), vectors))
    rows = np.flatnonzero((held[0][0] >= 0) & (held[1][0] >= 0))
    if len(rows) < FEWEST:
        same = (left.backbone, left.layer) == (right.backbone, right.layer)
        about = f"By name, model and layer are {'' if same else 'not '}the same."
        return Space(same, about, none, nothing, nothing)
    before, after = (vectors[at[rows]].astype(np.float64) for at, vectors in held)
    agree = float(np.median(matching.paired(before, after)))
    counted = f"{len(rows):,}" + (f" of {len(pairs):,}" if len(rows) < len(pairs) else "")
    about = (
        f"Over {counted} images, whose activations both stores keep, channels of the two layers "
        f"agree with a median correlation of {agree:.2f}: "
    )
    if agree < ALIGNED:
        return Space(False, about + "no shared space, no cosine.", none, nothing, nothing)
    return Space(True, about + "a shared space.", rows, before, after)


def shift(
    space: Space, scores: Float[np.ndarray, "m p"], ours: Float[np.ndarray, "p d"]
) -> pd.DataFrame:
    """Per concept: `shift`, the size of its shift vector, and `along`, that vector's cosine with
    the concept's own direction."""
    vectors = matching.shifts(space.before, space.after, scores)
    unit = ours / np.linalg.norm(ours, axis=1, keepdims=True).clip(1e-12)
    size = np.linalg.norm(vectors, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return pd.DataFrame({"shift": size, "along": (vectors * unit).sum(1) / size})
