"""A map against a mask: how much of one lies on the other.

With a = max(map, 0) / max(map), 0..1, and m the share of each position that the mask covers:
I = sum a m, U = sum (a + m - a m), which for a mask of 0 and 1 is sum max(a, m).
Soft IoU I / U and Dice 2 I / (U + I); precision I / sum a (the three of SL-CBM, arXiv 2601.12804).
Precision is also the energy pointing game (Wang et al. 2020, arXiv 1910.01279) and the proportion
of relevance inside the mask: positive mass within over positive mass.

Chance shuffles the map's values over the positions: it is what the mask's area alone gives.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64


@dataclass(frozen=True)
class Localisation:
    """Per map. NaN where the mask is empty, where precision has no positive mass, energy none."""

    iou: Float64[np.ndarray, " n"]
    iou_chance: Float64[np.ndarray, " n"]
    """to second order in the overlap's spread, which is known exactly; the others are exact"""
    dice: Float64[np.ndarray, " n"]
    dice_chance: Float64[np.ndarray, " n"]
    precision: Float64[np.ndarray, " n"]
    """positive mass inside the mask, 0..1"""
    energy: Float64[np.ndarray, " n"]
    """mass inside the mask whatever its sign, 0..1"""
    pointing: Float64[np.ndarray, " n"]
    """the mask at the highest position, 0..1; the mean over positions that tie"""
    area: Float64[np.ndarray, " n"]
    """share of the positions that the mask covers: the chance of the last three"""


def localisation(maps: Float[np.ndarray, "n p"], masks: Float[np.ndarray, "n p"]) -> Localisation:
    """Maps are signed, any unit; masks 0..1; both row-major over the same positions."""
    if masks.size and not ((masks >= 0) & (masks <= 1)).all():
        raise ValueError(
            f"masks must lie in 0..1 but reach {masks.min():.3g} and {masks.max():.3g}"
        )
    values, m = maps.astype(np.float64), masks.astype(np.float64)
    empty = m.sum(1) == 0
    top = values.max(1)
    # a position equal to the maximum becomes exactly 1
    a = np.maximum(values, 0) / np.where(top > 0, top, 1.0)[:, None]
    inside, both = (a * m).sum(1), a.sum(1) + m.sum(1)
    ties = values == top[:, None]
    size = np.abs(values)
    return Localisation(
        iou=_over(inside, both - inside, ~empty),
        iou_chance=np.where(empty, np.nan, _iou_chance(a, m)),
        dice=_over(2 * inside, both, ~empty),
        dice_chance=_over(2 * a.sum(1) * m.mean(1), both, ~empty),
        precision=_over(inside, a.sum(1), ~empty & (top > 0)),
        energy=_over((size * m).sum(1), size.sum(1), ~empty & (size.sum(1) > 0)),
        pointing=_over((ties * m).sum(1), ties.sum(1).astype(np.float64), ~empty),
        area=m.mean(1),
    )


def _iou_chance(
    a: Float64[np.ndarray, "n p"], m: Float64[np.ndarray, "n p"]
) -> Float64[np.ndarray, " n"]:
    """Mean of I / (S - I) over shuffles, from the mean and the variance of I."""
    n_positions = a.shape[1]
    total = a.sum(1) + m.sum(1)
    overlap = a.sum(1) * m.mean(1)
    spread = ((a - a.mean(1, keepdims=True)) ** 2).sum(1) * (
        (m - m.mean(1, keepdims=True)) ** 2
    ).sum(1)
    variance = spread / max(n_positions - 1, 1)
    union = np.where(total > overlap, total - overlap, 1.0)
    return overlap / union + total * variance / union**3


def _over(
    a: Float64[np.ndarray, " n"], b: Float64[np.ndarray, " n"], where: Bool[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    return np.divide(a, b, out=np.full(len(a), np.nan), where=where)
