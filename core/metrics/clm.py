"""Concept location: does the map of an important concept light up where its part is?

Omega is the floor(alpha * pixels / 12) highest pixels of the bilinearly enlarged, signed map; a
concept hits when the point of its part lies in Omega. CLM at l is the share of an image's l most
important concepts that hit (Aysel, Cai & Prügel-Bennett 2025, arXiv 2501.19271). A set of that size
drawn at random holds one point with probability alpha / 12.

Ties at the edge of Omega are broken at random in expectation: the hit is then the probability that
the point is among those drawn. A constant map scores exactly chance, never 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64

from core.measure import Measure, mean_of
from core.metrics.enlarge import Picture, enlarge
from core.metrics.existence import first

ALPHAS = (1, 3, 6)
"""sizes of Omega that are asked for"""
N_PARTS = 12
"""parts of a bird once left and right are one; alpha counts areas of one part"""


def hits(
    values: Float64[np.ndarray, "H W"],
    pixels: Sequence[tuple[int, int]],
    *,
    alphas: Sequence[int],
) -> tuple[Float64[np.ndarray, " a"], Float64[np.ndarray, " a"]]:
    """Whether any of the (row, column) pixels is in Omega, 0..1, and its exact chance."""
    if any(not 1 <= alpha <= N_PARTS for alpha in alphas):
        raise ValueError(f"alpha counts parts' areas, 1..{N_PARTS}; got {list(alphas)}")
    flat = values.ravel()
    n_on = [alpha * flat.size // N_PARTS for alpha in alphas]
    ordered = np.partition(flat, [flat.size - max(m, 1) for m in n_on])
    at = flat[np.unique([row * values.shape[1] + column for row, column in pixels])]
    found, chance = np.zeros(len(alphas)), np.zeros(len(alphas))
    for i, m in enumerate(n_on):
        chance[i] = _any_drawn(flat.size, m, len(at))
        edge = ordered[flat.size - max(m, 1)]
        if m and (at > edge).any():
            found[i] = 1.0
        elif m:
            n_left = m - int((flat > edge).sum())
            found[i] = _any_drawn(int((flat == edge).sum()), n_left, int((at == edge).sum()))
    return found, chance


def _any_drawn(total: int, drawn: int, wanted: int) -> float:
    """Probability that `drawn` of `total` items, at random, include any of `wanted` of them."""
    none = 1.0
    for i in range(wanted):
        none *= max(total - drawn - i, 0) / (total - i)
    return 1.0 - none


@dataclass(frozen=True)
class Judged:
    """The l most important concepts of each image; NaN where one could not be judged."""

    hit: Float64[np.ndarray, "n l a"]
    chance: Float64[np.ndarray, "n l a"]
    placeless: Bool[np.ndarray, "n l"]
    """concepts without a part, which can be found nowhere"""
    alphas: tuple[int, ...]


def judge(
    importance: Float[np.ndarray, "n k"],
    pictures: Sequence[Picture],
    *,
    parts: Sequence[str | None],
    map_of: Callable[[int, int], Float[np.ndarray, "h w"]],
    length: int,
    present: Float[np.ndarray, "n k"] | None = None,
    placed: bool = True,
) -> Judged:
    """Ranks the concepts that have a part (`parts`, by concept) and looks up their points.

    placed False: ranks all concepts, as the definition does; then a concept without a part, such as
    a habitat, can be the first, and is not judged. Nor are a part that is not visible or lies
    outside what the model sees and, where `present` is given, a concept that it does not call
    present (1). `map_of(image, concept)` is asked only for what is judged.
    """
    located = np.array([np.nan if placed and part is None else 1.0 for part in parts])
    n_located = int((located == 1).sum())
    if length > n_located:
        what = "have a part to be found at" if placed else "are there"
        raise ValueError(f"l is {length}, but {n_located} concepts {what}")
    slots = first(importance, np.broadcast_to(located, importance.shape), length=length)
    without = np.array([part is None for part in parts])
    hit = np.full((len(pictures), length, len(ALPHAS)), np.nan)
    chance = hit.copy()
    for i, picture in enumerate(pictures):
        for slot, k in enumerate(slots[i]):
            part = parts[k]
            if part is None or (present is not None and present[i, k] != 1):
                continue
            points = picture.points.get(part, ())
            if not points:
                continue
            seen = enlarge(map_of(i, int(k)), picture)
            pixels = [(int(y // 1) - seen.top, int(x // 1) - seen.left) for x, y in points]
            h, w = seen.values.shape
            pixels = [(y, x) for y, x in pixels if 0 <= y < h and 0 <= x < w]
            if pixels:
                hit[i, slot], chance[i, slot] = hits(seen.values, pixels, alphas=ALPHAS)
    return Judged(hit, chance, without[slots], ALPHAS)


def clm(judged: Judged, *, length: int, alpha: int) -> dict[str, Measure]:
    """Mean over images by both denominators: "l" (not judged: a miss) and "visible" (left out).

    An image without a judged concept misses by the first and is left out by the second.
    """
    a = judged.alphas.index(alpha)
    hit, chance = judged.hit[:, :length, a], judged.chance[:, :length, a]
    n = (~np.isnan(hit)).sum(1)
    total, expected = np.nansum(hit, 1), np.nansum(chance, 1)
    each = np.where(n > 0, n, np.nan)
    return {
        "l": mean_of(total / length, expected / length),
        "visible": mean_of(total / each, expected / each),
    }
