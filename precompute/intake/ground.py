"""What is known of the images that concepts can be measured against: labels, points, masks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer

from core.metrics.enlarge import Picture
from core.sampling import evenly
from core.types import Box, Grid
from data.datasets import Dataset
from precompute.intake import truth
from precompute.intake.activations import ActivationStore
from precompute.intake.scene import Scene
from precompute.intake.sources import Log

PLACED = 200
"""held-out images whose points judge maps, evenly spread"""
MEASURE_STAGE = "measure"
VIEW = ("view_x0", "view_y0", "view_x1", "view_y1")


@dataclass(frozen=True)
class Ground:
    """Rows index the usable images, in order."""

    scene: Scene
    grid: Grid
    split: np.ndarray
    held_out: str
    """the splits of scene.held_out, joined by " + "; "": there is no such image"""
    labels: Float[np.ndarray, "n l"] | None
    """1, 0, NaN unknown"""
    by_image: bool
    """whether the labels are of images, not of classes"""
    parts: tuple[str | None, ...]
    """by labelled concept: the part whose points tell where it is"""
    placed: Integer[np.ndarray, " m"]
    pictures: tuple[Picture, ...]
    """of `placed`"""

    @property
    def judged(self) -> list[str]:
        """Splits that nothing was fitted on, in order."""
        rows = np.ones(len(self.split), dtype=bool)
        rows[self.scene.train] = False
        return list(dict.fromkeys(self.split[rows]))


def survey(dataset: Dataset, activations: ActivationStore, scene: Scene, log: Log) -> Ground:
    """Writes a notice for everything that is not known and so cannot be measured."""
    rows = activations.rows
    split = rows["split"].to_numpy()
    labels = truth.labels_of(dataset, rows, train=np.arange(len(rows)), test=np.arange(0))
    by_image = labels is not None and labels.level == "image"
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
        marked = scene.held_out[rows["image_id"].iloc[scene.held_out].isin(list(points))]
        if len(marked):
            placed = marked[evenly(len(marked), PLACED)]
    pictures = tuple(
        Picture(r["width"], r["height"], Box(*(r[c] for c in VIEW)), points[r["image_id"]])
        for r in rows.iloc[placed].to_dict("records")
    )
    ground = Ground(
        scene=scene,
        grid=Grid(*activations.facts["grid"]),
        split=split,
        held_out=" + ".join(dict.fromkeys(split[scene.held_out])),
        labels=None if labels is None else labels.train,
        by_image=by_image,
        parts=parts,
        placed=placed,
        pictures=pictures,
    )
    for subject, missing in _missing(ground):
        log.notice(MEASURE_STAGE, subject, ValueError(missing))
    return ground


def _missing(ground: Ground) -> list[tuple[str, str]]:
    if not ground.held_out:
        return [
            ("held-out images", "there is none, so nothing can be measured but accuracy on train")
        ]
    if ground.labels is None:
        return [
            (
                "labelled concepts",
                "the data set has none, so whether concepts exist in the images, and lie where "
                "they should, cannot be measured",
            )
        ]
    out = []
    if not ground.by_image:
        out.append(
            (
                "existence of concepts (CEM)",
                "labels are known of classes only, so every image counts as showing what its "
                "class shows; where it departs from that, a right concept counts as wrong",
            )
        )
    if not len(ground.placed):
        out.append(
            (
                "location of concepts (CLM)",
                "no held-out image has the place of a part that a labelled concept belongs to",
            )
        )
    if not ground.scene.covered.any():
        out.append(
            (
                "maps against masks",
                "no held-out image has a mask of a part that a labelled concept belongs to",
            )
        )
    return out
