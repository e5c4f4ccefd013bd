"""Where a concept may be seen: boxes to keep and boxes to remove, then pooled again.

The interaction of CSR (Huy et al. 2025, arXiv 2503.06873): A is 1 in kept boxes, 0 in removed ones
and alpha elsewhere; the map A * max(S, 0) is pooled by its maximum again. Scores that are means of
their codes take the weighted mean sum(A S) / sum(A) instead, which without boxes is the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
from jaxtyping import Bool, Float, Float64

from core.kinds import Pool
from core.types import Box, Grid

POOLINGS = tuple(pool for pool in get_args(Pool) if pool != "cls")
"""what scores may be read from that follow when the map is edited"""


def attention(
    grid: Grid,
    *,
    keep: Sequence[Box] = (),
    remove: Sequence[Box] = (),
    view: Box,
    elsewhere: float | None = None,
) -> Float64[np.ndarray, "h w"]:
    """A on the token grid. Boxes are fractions of the upright image, as the view is.

    A cell belongs to a box that holds its centre. `elsewhere` is alpha, 0..1; by default 0.2 when
    something is kept, and 1 when boxes only remove, so that what was not spoken of stays. Raises
    ValueError for a box that holds no centre, and where boxes to keep and to remove share a cell.
    """
    alpha = (0.2 if keep else 1.0) if elsewhere is None else elsewhere
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha, the weight outside all boxes, is 0..1; got {alpha}")
    kept = _cells(grid, keep, view)
    removed = _cells(grid, remove, view)
    shared = np.argwhere(kept & removed)
    if len(shared):
        row, column = shared[0]
        raise ValueError(
            f"a box to keep and a box to remove overlap in {len(shared)} cells, the first in row "
            f"{row}, column {column}; shrink one of them"
        )
    return np.where(kept, 1.0, np.where(removed, 0.0, alpha))


def _cells(grid: Grid, boxes: Sequence[Box], view: Box) -> Bool[np.ndarray, "h w"]:
    y = view.y0 + (np.arange(grid.h) + 0.5) / grid.h * (view.y1 - view.y0)
    x = view.x0 + (np.arange(grid.w) + 0.5) / grid.w * (view.x1 - view.x0)
    out = np.zeros(grid, dtype=bool)
    for box in boxes:
        inside = ((y >= box.y0) & (y < box.y1))[:, None] & ((x >= box.x0) & (x < box.x1))
        if not inside.any():
            raise ValueError(
                f"the box {tuple(round(edge, 3) for edge in box)} holds the centre of no cell "
                f"of the {grid.h} x {grid.w} grid inside what the model sees; draw it larger"
            )
        out |= inside
    return out


def pool(
    maps: Float[np.ndarray, "k h w"],
    weight: Float[np.ndarray, "h w"],
    *,
    pooling: str = "mean",
) -> Float64[np.ndarray, " k"]:
    """New scores of one image's concepts; `pooling` is how its scores were made.

    Raises ValueError when the weights leave nothing to average, and for scores that are not read
    from the map.
    """
    if pooling == "cls":
        raise ValueError(
            "scores of this bank are read from the CLS token, so no edit of a map says what they "
            'would be; use a bank with pool = "mean" or "max"'
        )
    if pooling not in POOLINGS:
        raise ValueError(f"no pooling {pooling!r}; choose from {', '.join(POOLINGS)}")
    values = maps.astype(np.float64)
    if pooling == "max":
        return (weight * np.maximum(values, 0)).max((1, 2))
    total = weight.sum()
    if total == 0:
        raise ValueError("the boxes remove the whole grid; nothing is left to average")
    return (weight * values).sum((1, 2)) / total
