"""The smallest change of concept scores that flips a linear head's prediction.

Along one concept the lead of the predicted class p over class y is a line, so it is overtaken at
exactly (z_p - z_y) / (w_y - w_p); the smallest over y and both directions is the answer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Integer

from core.types import Head

LEAD = 1e-9
"""by how much of the largest logit (at least 1) the new class must lead: above rounding"""


@dataclass(frozen=True)
class SingleEdits:
    """Per concept, what it alone can do."""

    change: Float64[np.ndarray, " k"]
    """smallest change of the score that flips; NaN: none within its range"""
    becomes: Integer[np.ndarray, " k"]
    """the head's row that is then predicted; -1: none"""


def single(
    head: Head,
    logits: Float[np.ndarray, " y"],
    scores: Float[np.ndarray, " k"],
    *,
    low: Float[np.ndarray, " k"] | None = None,
    high: Float[np.ndarray, " k"] | None = None,
    target: int | None = None,
) -> SingleEdits:
    """Exact, for every concept at once. `logits` are the image's own, rest included.

    With `low` and `high`, edited scores stay within (say, what was observed). With `target` the
    prediction must become that row, without it any other than now; a target that is already
    predicted needs no change: 0.
    """
    weight, z = head.weight.astype(np.float64), logits.astype(np.float64)
    down, up = reach(scores, low, high)
    if target is None:
        change = _leave(weight, z, down, up)
    else:
        start, stop = _interval(weight, z, row(head, target))
        change = _nearest(np.maximum(start, down), np.minimum(stop, up))
    found = ~np.isnan(change)
    after = z + np.where(found, change, 0.0)[:, None] * weight.T
    return SingleEdits(change, np.where(found, after.argmax(1), -1))


def _leave(
    weight: Float64[np.ndarray, "y k"],
    z: Float64[np.ndarray, " y"],
    down: Float64[np.ndarray, " k"],
    up: Float64[np.ndarray, " k"],
) -> Float64[np.ndarray, " k"]:
    """Smallest change after which any class leads the predicted one."""
    predicted = int(z.argmax())
    rivals = np.delete(np.arange(len(z)), predicted)
    gap = (z[predicted] - z[rivals] + LEAD * size(z))[:, None]
    lean = weight[rivals] - weight[predicted]
    with np.errstate(divide="ignore", over="ignore"):
        at = gap / lean
    rise = np.where(lean > 0, at, np.inf).min(0, initial=np.inf)
    fall = np.where(lean < 0, at, -np.inf).max(0, initial=-np.inf)
    rise = np.where(np.isfinite(rise) & (rise <= up), rise, np.nan)
    fall = np.where(np.isfinite(fall) & (fall >= down), fall, np.nan)
    return np.where(np.isnan(fall) | (rise <= -fall), rise, fall)


def _interval(
    weight: Float64[np.ndarray, "y k"], z: Float64[np.ndarray, " y"], target: int
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """The changes, from start to stop, with which the target leads every other class."""
    rivals = np.delete(np.arange(len(z)), target)
    # a target that is predicted already leads, however narrowly
    spare = 0.0 if int(z.argmax()) == target else LEAD * size(z)
    gap = (z[rivals] - z[target] + spare)[:, None]
    lean = weight[target] - weight[rivals]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        at = gap / lean
    start = np.where(lean > 0, at, -np.inf).max(0, initial=-np.inf)
    stop = np.where(lean < 0, at, np.inf).min(0, initial=np.inf)
    hopeless = ((lean == 0) & (gap > 0)).any(0)
    return np.where(hopeless, np.inf, start), stop


def _nearest(
    start: Float64[np.ndarray, " k"], stop: Float64[np.ndarray, " k"]
) -> Float64[np.ndarray, " k"]:
    """The number closest to 0 between them; NaN where there is none."""
    at = np.maximum(start, np.minimum(0.0, stop))
    return np.where((start <= stop) & np.isfinite(at), at, np.nan)


def reach(
    scores: Float[np.ndarray, " k"],
    low: Float[np.ndarray, " k"] | None,
    high: Float[np.ndarray, " k"] | None,
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """How far each score may go down (<= 0) and up (>= 0); one already outside may stay."""
    endless = np.full(len(scores), np.inf)
    down = -endless if low is None else np.minimum(low.astype(np.float64) - scores, 0)
    up = endless if high is None else np.maximum(high.astype(np.float64) - scores, 0)
    return down, up


def size(logits: Float[np.ndarray, " y"]) -> float:
    """Largest |logit|, at least 1: what LEAD is a share of."""
    return max(1.0, float(np.abs(logits).max()))


def row(head: Head, target: int) -> int:
    if not 0 <= target < len(head.bias):
        raise IndexError(f"no class {target}: the head has 0..{len(head.bias) - 1}")
    return target
