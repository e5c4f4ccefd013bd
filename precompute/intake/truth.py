"""What the data set knows, lined up with the images that could be used."""

from __future__ import annotations

from functools import lru_cache
from typing import cast, get_args

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from core.kinds import LabelLevel
from core.types import Box, Grid, Labels
from data.datasets import Dataset
from data.images import from_runs


def labels_of(
    dataset: Dataset,
    rows: pd.DataFrame,
    *,
    train: Integer[np.ndarray, " n"],
    test: Integer[np.ndarray, " m"],
    level: str = "",
) -> Labels | None:
    """Image-level labels if the data set has them, else its class-level ones; None if neither.

    `level` "image" or "class" insists. Class-level fractions count as present from 0.5 up.
    """
    if dataset.labelled.empty:
        return None
    if level not in {"", *get_args(LabelLevel)}:
        raise ValueError(f"label level must be 'image' or 'class', not {level!r}")
    given: LabelLevel = "image" if len(dataset.image_labels) else "class"
    chosen = cast(LabelLevel, level or given)
    n = len(dataset.labelled)
    if chosen == "image":
        table = dataset.image_labels.pivot_table(
            index="image_id", columns="labelled_id", values="present", aggfunc="max"
        )
        table = table.reindex(index=rows["image_id"], columns=range(n))
    else:
        table = dataset.class_labels.pivot_table(
            index="label", columns="labelled_id", values="fraction", aggfunc="mean"
        )
        table = table.reindex(index=rows["label"], columns=range(n))
        table = table.where(table.isna(), table >= 0.5)
    values = table.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isnan(values).all():
        return None
    names = tuple(dataset.labelled.sort_values("labelled_id")["name"])
    return Labels(names, values[train], values[test], chosen)


def coverage(
    dataset: Dataset, rows: pd.DataFrame, grid: Grid, *, present: Float[np.ndarray, "m l"]
) -> Float[np.ndarray, "mt l"]:
    """Share of each token's cell that lies in a labelled concept's part mask, where it is present.

    One row per image and token; 0 where the concept is absent or its part hidden. `rows` are the
    images, `present` their labels.
    """
    parts = dataset.labelled.sort_values("labelled_id")["part"].tolist()
    out = np.zeros((len(rows), grid.h * grid.w, len(parts)), dtype=np.float32)
    wanted = dataset.masks[dataset.masks["image_id"].isin(rows["image_id"])]
    place = {image_id: i for i, image_id in enumerate(rows["image_id"])}
    boxes = [Box(*box) for box in rows[["view_x0", "view_y0", "view_x1", "view_y1"]].to_numpy()]
    for mask in wanted.to_dict("records"):
        i = place[mask["image_id"]]
        pixels = from_runs(mask["runs"], h=mask["height"], w=mask["width"])
        cells = cell_share(pixels, grid, boxes[i])
        for j, part in enumerate(parts):
            if part == mask["part"] and present[i, j] == 1:
                out[i, :, j] = np.maximum(out[i, :, j], cells.ravel())
    return out.reshape(-1, len(parts))


def cell_share(mask: np.ndarray, grid: Grid, box: Box) -> Float[np.ndarray, "h w"]:
    """Mean of a pixel mask over each cell of a grid laid over `box`, by exact area."""
    height, width = mask.shape
    down = _overlap(height, grid.h, box.y0, box.y1)
    across = _overlap(width, grid.w, box.x0, box.x1)
    return (down @ mask.astype(np.float64) @ across.T).astype(np.float32)


@lru_cache(maxsize=64)
def _overlap(n_pixels: int, n_cells: int, lo: float, hi: float) -> Float[np.ndarray, "c p"]:
    """Row c: the share of cell c that each pixel takes; sums to 1 inside the image."""
    edges = np.linspace(lo, hi, n_cells + 1) * n_pixels
    pixels = np.arange(n_pixels)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(shared, 0, None) / (edges[1] - edges[0])
