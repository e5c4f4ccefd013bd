"""After a concept is edited, those that labels say go with it follow: tables p(c'|c), p(c'|c, y).

The tables are what ECBM's released code shows as conditional probabilities (Xu et al. 2024, arXiv
2401.14142). Edited scores stay as they were set; only the others move.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Integer

from core import bottleneck
from core.intervention.propagation import Propagated


@dataclass(frozen=True)
class Table:
    """How often concept c' is present beside concept c, over images where both are known."""

    given: Float64[np.ndarray, "2 k k"]
    """[s, c, c']: p(c' present | c in state s), 0..1; s 1 present, 0 absent"""
    n: Integer[np.ndarray, "2 k k"]
    """images in that state; small numbers are why the share is smoothed"""


class Levels(NamedTuple):
    """How present concepts are before an edit, and what scores they typically have."""

    presence: Float[np.ndarray, "n k"]
    """probability, 0..1"""
    present: Float[np.ndarray, " k"]
    """typical score of images that show the concept; NaN: there is none"""
    absent: Float[np.ndarray, " k"]


def fit(
    labels: Float[np.ndarray, "n k"],
    *,
    smoothing: float = 1.0,
    classes: Integer[np.ndarray, " n"] | None = None,
    given_class: int | None = None,
) -> Table:
    """(n(c, c') + smoothing) / (n(c) + 2 smoothing), from labels 1, 0 or NaN (unknown).

    With `classes` and `given_class`, over that class alone: p(c'|c, y). Without any image and with
    smoothing it is 0.5, without smoothing NaN.
    """
    if (classes is None) != (given_class is None):
        raise ValueError("p(c'|c, y) needs both `classes` and `given_class`")
    if smoothing < 0:
        raise ValueError(f"smoothing adds images, so it cannot be {smoothing}")
    rows = labels if classes is None else labels[classes == given_class]
    known, shown = (~np.isnan(rows)).astype(np.float64), (rows == 1).astype(np.float64)
    states = np.stack([known - shown, shown])
    n = np.matmul(states.transpose(0, 2, 1), known)
    both = np.matmul(states.transpose(0, 2, 1), shown)
    bottom = n + 2 * smoothing
    share = np.divide(both + smoothing, bottom, out=np.full(n.shape, np.nan), where=bottom > 0)
    return Table(share, n.astype(np.int64))


def follow(
    table: Table,
    scores: Float[np.ndarray, "n k"],
    edits: Mapping[int, float],
    *,
    degrees: Mapping[int, float],
    levels: Levels,
    threshold: float = 0.05,
) -> Propagated:
    """`edits` are scores; `degrees` how present each of them makes its concept, 0..1.

    The log odds of c' change by those of p(c' | edited c) over those of p(c' | c as it was), where
    a degree mixes the two states; edits add up as if independent given c'. Scores then move by
    (new - old presence) x (present - absent), the typical scores. `threshold` is a change of
    presence. NaN (no such image, no label) moves nothing.
    """
    if set(degrees) != set(edits):
        raise ValueError("every edit needs its degree of presence, and nothing else does")
    off = {k: v for k, v in degrees.items() if not 0 <= v <= 1}
    if off:
        raise ValueError(f"degrees of presence are 0..1; got {off}")
    old = levels.presence.astype(np.float64)
    out = bottleneck.intervene(scores.astype(np.float64), edits)
    odds = np.zeros_like(old)
    for k, degree in degrees.items():
        before = old[:, [k]] * table.given[1, k] + (1 - old[:, [k]]) * table.given[0, k]
        after = degree * table.given[1, k] + (1 - degree) * table.given[0, k]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.log(after / (1 - after)) - np.log(before / (1 - before))
        odds += np.nan_to_num(step, nan=0.0)
    # p / (p + (1 - p) exp(-odds)) keeps 0 and 1 where they are
    open_ = (old > 0) & (old < 1)
    with np.errstate(over="ignore", invalid="ignore"):
        new = np.where(open_, old / (old + (1 - old) * np.exp(-odds)), old)
    reach = levels.present - levels.absent
    follows = ~np.isnan(reach)
    follows[list(edits)] = False
    out = out + np.where(follows, (new - old) * np.where(follows, reach, 0), 0)
    return Propagated(out, (np.abs(new - old) > threshold) & follows)
