"""How well scores tell each of several labels: average precision, thresholds, and rates at them.

Of each label alone, on the images where it is known; means over labels are in `macro_ranking`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import expit, logit

from core.metrics import macro_ranking
from core.metrics.learnability import Interval, auc, normalised_precision, placements

_Z = 1.959964
"""of a two-sided 95 % interval"""
USUAL = 0.5
"""threshold where there is nothing to choose one on"""


class Rates(NamedTuple):
    """Of a label at a threshold, each 0..1; NaN: there is no such image."""

    recall: float
    """share of the images that show it which are said to (sensitivity)"""
    specificity: float
    """share of the images without it which are said to lack it"""
    precision: float
    """share of those said to show it which do"""


def area(scores: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> Interval:
    """Area under the ROC curve and its 95 % interval, 0..1; chance 0.5. See `learnability.auc`.

    NaN of one kind only.
    """
    one_fold = np.zeros(len(positive), dtype=np.int64)
    return auc(placements(scores, positive.astype(np.float64), one_fold))


def average_precision(
    scores: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]
) -> Interval:
    """Area under the precision-recall curve as a sum of steps, and its 95 % interval, 0..1.

    Equal scores share a threshold; a ranking without information has the share of positives, and of
    few images more. The interval is that of `macro_ranking.mean` for this label alone; below three
    positives, or negatives, it is logit(AP) +- z / sqrt(n AP (1 - AP)), n of the positives (Boyd,
    Eng & Page 2013, ECML, section 4). At 1 it is the exact binomial bound of n hits in n. NaN
    without a positive.
    """
    n = int(positive.sum())
    if n == 0:
        return Interval(float("nan"), float("nan"), float("nan"))
    value = normalised_precision(scores, positive, expected=n)
    if value >= 1 - 1e-12:
        return Interval(1.0, float(0.025 ** (1 / n)), 1.0)
    if min(n, len(positive) - n) >= macro_ranking.LEAST:
        column = positive.astype(np.float64)[:, None]
        return macro_ranking.mean(macro_ranking.precisions(scores[:, None], column))
    half = _Z / (n * value * (1 - value)) ** 0.5
    at = float(logit(value))
    return Interval(value, float(expit(at - half)), float(expit(at + half)))


def best_threshold(
    probabilities: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]
) -> float | None:
    """The probability from which on a label is said to be there, of the largest F1.

    It lies halfway between two probabilities that occur (below the least: at half of it); the
    highest of several that are as good. None without an image of either kind.
    """
    n = int(positive.sum())
    if n == 0 or n == len(positive):
        return None
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order].astype(np.float64)
    last = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    hits = np.cumsum(positive[order])[last]
    f1 = 2 * hits / (last + 1 + n)
    best = last[int(f1.argmax())]
    below = ranked[best + 1] if best + 1 < len(ranked) else 0.0
    return float((ranked[best] + below) / 2)


def rates(
    probabilities: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"], threshold: float
) -> Rates:
    """At a threshold, which counts as reached where a probability equals it."""
    said = probabilities >= threshold

    def share(of: Bool[np.ndarray, " n"], right: Bool[np.ndarray, " n"]) -> float:
        return float(right[of].mean()) if of.any() else float("nan")

    return Rates(share(positive, said), share(~positive, ~said), share(said, positive))
