"""Concepts of two banks paired off: by how alike they fire, and by direction in a shared space.

The banks may belong to two models, two checkpoints or two fits, as long as they saw the same
images. The pairing is the assignment of largest total likeness (Kuhn 1955, "The Hungarian method").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from einops import rearrange
from jaxtyping import Float, Float64, Integer

from core.types import Box, Grid


@dataclass(frozen=True)
class Matching:
    left: Integer[np.ndarray, " m"]
    """rows and columns of the likeness that are paired, by falling value"""
    right: Integer[np.ndarray, " m"]
    value: Float64[np.ndarray, " m"]


class Correlations:
    """Pearson correlation of every left column with every right one, over rows given in parts."""

    def __init__(self, n_left: int, n_right: int) -> None:
        self.n = 0
        self.cross = np.zeros((n_left, n_right))
        self.left, self.right = np.zeros((2, n_left)), np.zeros((2, n_right))

    def add(self, left: Float[np.ndarray, "n p"], right: Float[np.ndarray, "n q"]) -> None:
        """Rows of both sides belong together."""
        self.n += len(left)
        self.cross += left.T @ right
        for sums, values in ((self.left, left), (self.right, right)):
            sums[0] += values.sum(0, dtype=np.float64)
            sums[1] += np.square(values, dtype=np.float64).sum(0)

    def value(self) -> Float64[np.ndarray, "p q"]:
        """-1..1; 0 where a side does not vary, so that a dead concept is like nothing."""
        n = max(self.n, 1)
        spread = []
        for sums in (self.left, self.right):
            mean, square = sums / n
            variance = square - mean**2
            # rounding leaves a constant column a spread of its last digits
            spread.append(np.sqrt(np.where(variance > 1e-12 * square, variance, 0)))
        covariance = self.cross / n - np.outer(self.left[0] / n, self.right[0] / n)
        scale = np.outer(*spread)
        out = np.divide(covariance, scale, out=np.zeros_like(covariance), where=scale > 0)
        return np.clip(out, -1, 1)


def correlations(
    left: Float[np.ndarray, "n p"], right: Float[np.ndarray, "n q"]
) -> Float64[np.ndarray, "p q"]:
    """Of every left column with every right one; 0 where a side does not vary."""
    # about the mean first: sums of squares of a large mean would swallow a small spread
    found = Correlations(left.shape[1], right.shape[1])
    found.add(left - left.mean(0), right - right.mean(0))
    return found.value()


def paired(
    left: Float[np.ndarray, "n d"], right: Float[np.ndarray, "n d"]
) -> Float64[np.ndarray, " d"]:
    """Correlation of each left column with the right one of the same number; 0 if constant."""
    one, two = (x - x.mean(0) for x in (left.astype(np.float64), right.astype(np.float64)))
    scale = np.linalg.norm(one, axis=0) * np.linalg.norm(two, axis=0)
    products = (one * two).sum(0)
    return np.divide(products, scale, out=np.zeros_like(products), where=scale > 0)


def cosines(
    left: Float[np.ndarray, "p d"], right: Float[np.ndarray, "q d"]
) -> Float64[np.ndarray, "p q"]:
    """Of every left row with every right one; 0 for a row of zeros."""
    one, two = (
        x.astype(np.float64) / np.linalg.norm(x, axis=1, keepdims=True).clip(1e-12)
        for x in (left, right)
    )
    return one @ two.T


def match(likeness: Float[np.ndarray, "p q"]) -> Matching:
    """Pairs off the smaller side completely, so that the sum of likeness is largest."""
    from scipy.optimize import linear_sum_assignment  # slow to import, and only this page needs it

    rows, columns = linear_sum_assignment(likeness, maximize=True)
    value = likeness[rows, columns].astype(np.float64)
    order = np.argsort(-value, kind="stable")
    return Matching(rows[order].astype(np.int64), columns[order].astype(np.int64), value[order])


def resampled(
    maps: Float[np.ndarray, "k t"], grid: Grid, box: Box, *, to_grid: Grid, to_box: Box
) -> Float64[np.ndarray, "k u"]:
    """Maps on one grid, laid over part of an image, as means over the cells of another grid.

    By exact area; what `to_box` covers beyond `box` counts as 0.
    """
    if (grid, box) == (to_grid, to_box):
        return maps.astype(np.float64)
    laid = rearrange(maps, "k (h w) -> k h w", h=grid.h, w=grid.w)
    down = _overlap(grid.h, box.y0, box.y1, to_grid.h, to_box.y0, to_box.y1)
    across = _overlap(grid.w, box.x0, box.x1, to_grid.w, to_box.x0, to_box.x1)
    return rearrange(down @ laid @ across.T, "k h w -> k (h w)")


def common(one: tuple[Grid, Box], two: tuple[Grid, Box]) -> tuple[Grid, Box]:
    """What two maps of an image are compared on: the coarser grid, over what both cover."""
    (a, in_a), (b, in_b) = one, two
    box = Box(
        max(in_a.x0, in_b.x0), max(in_a.y0, in_b.y0), min(in_a.x1, in_b.x1), min(in_a.y1, in_b.y1)
    )
    return Grid(min(a.h, b.h), min(a.w, b.w)), box


def _overlap(
    n_from: int, lo: float, hi: float, n_to: int, to_lo: float, to_hi: float
) -> Float64[np.ndarray, "c p"]:
    """Row c: the share of new cell c that each old cell takes."""
    old, new = np.linspace(lo, hi, n_from + 1), np.linspace(to_lo, to_hi, n_to + 1)
    shared = np.minimum(new[1:, None], old[1:]) - np.maximum(new[:-1, None], old[:-1])
    return np.clip(shared, 0, None) / (new[1] - new[0])


def shifts(
    before: Float[np.ndarray, "n d"],
    after: Float[np.ndarray, "n d"],
    scores: Float[np.ndarray, "n k"],
) -> Float64[np.ndarray, "k d"]:
    """Shift vector of each concept: mean of after - before over the images where it is active
    (score above 0). NaN where none is (Khayatan et al. 2025, arXiv 2501.03012, eq. for Delta_k)."""
    on = (scores > 0).astype(np.float64)
    n = on.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (on.T @ (after.astype(np.float64) - before)) / n[:, None]
