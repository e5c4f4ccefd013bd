"""How well one ranking of images finds a label: normalised precision, AUC and its interval.

Images are ranked within folds only, since each fold is ranked by a model of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer
from scipy.special import stdtrit

_Z = 1.959964
"""of a two-sided 95 % interval"""


class Interval(NamedTuple):
    value: float
    lo: float
    hi: float


@dataclass(frozen=True)
class Placements:
    """DeLong's components. NaN: the image's label is unknown, or its fold has one kind only."""

    value: Float64[np.ndarray, " n"]
    """of a positive: share of its fold's negatives ranked below it; of a negative: share of its
    fold's positives ranked above it; ties count half"""
    positive: Bool[np.ndarray, " n"]


def normalised_precision(
    scores: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"], *, expected: float
) -> float:
    """Average precision as if `expected` images were positive, 0..1 (NAP).

    Precision at a threshold is r N / (r N + false positives), r the recall and N = `expected`, so
    that rare and frequent labels can be compared (Hoiem et al. 2012; Ramaswamy et al. 2023, arXiv
    2207.09615). A ranking without information has N / (N + negatives). Equal scores share a
    threshold. NaN without a positive.
    """
    p = int(positive.sum())
    if p == 0:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(positive[order])[last]
    recall = hits / p
    false = last + 1 - hits
    precision = recall * expected / np.maximum(recall * expected + false, 1e-12)
    return float((np.diff(recall, prepend=0) * precision).sum())


def mean_normalised_precision(
    scores: Float[np.ndarray, " n"],
    y: Float[np.ndarray, " n"],
    fold: Integer[np.ndarray, " n"],
    *,
    share: float,
) -> tuple[float, float]:
    """NAP and its chance, means over folds weighed by positives; N is `share` of a fold."""
    values, chances, weights = [], [], []
    for f in np.unique(fold):
        mine = (fold == f) & ~np.isnan(y)
        positive = y[mine] == 1
        if positive.any() and not positive.all():
            expected = share * len(positive)
            values.append(normalised_precision(scores[mine], positive, expected=expected))
            chances.append(expected / (expected + (~positive).sum()))
            weights.append(positive.sum())
    if not weights:
        return float("nan"), float("nan")
    return float(np.average(values, weights=weights)), float(np.average(chances, weights=weights))


def placements(
    scores: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"], fold: Integer[np.ndarray, " n"]
) -> Placements:
    """Where each image stands among those of the other kind in its fold."""
    out = np.full(len(y), np.nan)
    for f in np.unique(fold):
        mine = np.flatnonzero((fold == f) & ~np.isnan(y))
        up = mine[y[mine] == 1]
        down = mine[y[mine] == 0]
        if len(up) == 0 or len(down) == 0:
            continue
        out[up] = _below(np.sort(scores[down]), scores[up])
        out[down] = 1 - _below(np.sort(scores[up]), scores[down])
    return Placements(out, y == 1)


def _below(
    ordered: Float[np.ndarray, " m"], values: Float[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """Share of `ordered` that lies below each value; ties count half."""
    below = np.searchsorted(ordered, values, side="left")
    not_above = np.searchsorted(ordered, values, side="right")
    return (below + not_above) / (2 * len(ordered))


def auc(found: Placements) -> Interval:
    """AUC within folds, 0..1, and its 95 % interval; chance 0.5.

    The interval holds the areas from which the one found is less than 1.96 standard errors away,
    these those that so large an area would have of so many images: `area_variance`. Where the
    standard error of DeLong et al. 1988 (Biometrics 44), with the components of all folds together,
    is larger than that of the area found, as where images with the label vary more than those
    without it, all are so much larger. Unlike DeLong's alone it holds of few images, too. NaN where
    no fold has both kinds.
    """
    value, error, n, n_others = _mean(found.value, found.positive)
    if np.isnan(value):
        return Interval(value, value, value)
    own = area_variance(value, n, n_others) ** 0.5
    larger = max(1.0, error / own) if own else 1.0

    def end(inside: float, outside: float) -> float:
        for _ in range(50):
            at = (inside + outside) / 2
            off = larger * area_variance(at, n, n_others) ** 0.5
            inside, outside = (at, outside) if abs(value - at) <= _Z * off else (inside, at)
        return inside

    return Interval(value, end(value, 0.0), end(value, 1.0))


def area_variance(value: float, n_positive: int, n_negative: int) -> float:
    """Of an area under the ROC curve, 0..1, from how many images it is of: Newcombe 2006,
    Statistics in Medicine 25, part 2, method 5 (after Hanley and McNeil)."""
    mid = (n_positive + n_negative) / 2 - 1
    spread = 1 + mid * (1 - value) / (2 - value) + mid * value / (1 + value)
    return value * (1 - value) * spread / (n_positive * n_negative)


def auc_gain(one: Placements, other: Placements) -> Interval:
    """AUC of `one` minus that of `other` on the same images, -1..1, and its 95 % interval.

    DeLong's paired test: what both rankings find hard cancels out. Its two variances, of images
    with the label and of those without, weigh as in Welch's test, so that of few images the
    interval is that of Student's t. With one image of a kind there is nothing to tell it from: -1
    to 1.
    """
    difference = one.value - other.value
    value, error, *_ = _mean(difference, one.positive)
    kinds = _kinds(difference, one.positive)
    if min(map(len, kinds)) == 1:
        return Interval(value, -1.0, 1.0)
    if not error > 0:
        return Interval(value, value, value)
    parts = [(v.var(ddof=1) / len(v), len(v) - 1) for v in kinds]
    freedom = sum(v for v, _ in parts) ** 2 / sum(v**2 / n for v, n in parts)
    half = float(stdtrit(freedom, 0.975)) * error
    return Interval(value, max(-1.0, value - half), min(1.0, value + half))


def _mean(
    values: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]
) -> tuple[float, float, int, int]:
    """Mean over positives, its standard error, and how many positives and negatives there are."""
    up, down = _kinds(values, positive)
    if len(up) == 0 or len(down) == 0:
        return float("nan"), float("nan"), 0, 0
    variance = sum(v.var(ddof=1) / len(v) for v in (up, down) if len(v) > 1)
    return float(up.mean()), float(variance**0.5), len(up), len(down)


def _kinds(
    values: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, " p"], Float64[np.ndarray, " q"]]:
    """Known values of positives and of negatives."""
    known = ~np.isnan(values)
    return values[known & positive], values[known & ~positive]
