"""A map enlarged bilinearly to the pixels of the image that the model saw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Integer

from core.types import Box


class Picture(NamedTuple):
    """What CLM needs of an image; pixels of the upright image."""

    width: int
    height: int
    view: Box
    points: Mapping[str, Sequence[tuple[float, float]]]
    """part -> (x, y) of each visible point; two for a part that shows on both sides"""


class Seen(NamedTuple):
    """The pixels whose centre lies in the view, and in the image, with the map at each."""

    values: Float64[np.ndarray, "H W"]
    top: int
    left: int


def enlarge(map: Float[np.ndarray, "h w"], picture: Picture) -> Seen:
    """Bilinear, cell centres kept; a constant map stays constant to the last bit."""
    x0, y0, x1, y1 = picture.view
    rows, below, fy = _between(picture.height, y0, y1, map.shape[0])
    columns, right, fx = _between(picture.width, x0, x1, map.shape[1])
    values = map.astype(np.float64)
    # a + (b - a) f, not a (1 - f) + b f: the latter rounds equal cells to unequal pixels
    tall = values[below] + (values[below + (fy > 0)] - values[below]) * fy[:, None]
    wide = tall[:, right] + (tall[:, right + (fx > 0)] - tall[:, right]) * fx
    return Seen(wide, rows, columns)


def _between(
    n_pixels: int, start: float, stop: float, n_cells: int
) -> tuple[int, Integer[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
    """First pixel in view; for each one the cell centre before it and how far on to the next."""
    at = ((np.arange(n_pixels) + 0.5) / n_pixels - start) / (stop - start)
    inside = np.flatnonzero((at >= 0) & (at < 1))
    if inside.size == 0:
        raise ValueError(f"the view {start:.3g}..{stop:.3g} holds none of {n_pixels} pixels")
    position = np.clip(at[inside] * n_cells - 0.5, 0, n_cells - 1)
    cell = np.floor(position).astype(np.int64)
    return int(inside[0]), cell, position - cell
