"""How well one ranking of images finds a label: normalised precision, AUC and its interval.

Images are ranked within folds only, since each fold is ranked by a model of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer
from scipy.special import expit, logit

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
    """AUC within folds, and its 95 % interval on the logit scale; chance 0.5.

    DeLong et al. 1988 (Biometrics 44), with the components of all folds together. Where not one
    pair is misranked DeLong has no variance: then the exact binomial bound of as many disjoint
    pairs as there are stands in. NaN where no fold has both kinds.
    """
    value, error, n_pairs = _mean(found.value, found.positive)
    if np.isnan(value):
        return Interval(value, value, value)
    if error == 0 or value in (0.0, 1.0):
        bound = float(0.025 ** (1 / n_pairs))
        if value == 1:
            return Interval(1.0, bound, 1.0)
        if value == 0:
            return Interval(0.0, 0.0, 1 - bound)
        return Interval(value, value, value)
    half = _Z * error / (value * (1 - value))
    at = float(logit(value))
    return Interval(value, float(expit(at - half)), float(expit(at + half)))


def auc_gain(one: Placements, other: Placements) -> Interval:
    """AUC of `one` minus that of `other` on the same images, -1..1, and its 95 % interval.

    DeLong's paired test: what both rankings find hard cancels out.
    """
    value, error, _ = _mean(one.value - other.value, one.positive)
    return Interval(value, max(-1.0, value - _Z * error), min(1.0, value + _Z * error))


def _mean(
    values: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]
) -> tuple[float, float, int]:
    """Mean over positives, its standard error, and how many disjoint pairs there are."""
    known = ~np.isnan(values)
    up, down = values[known & positive], values[known & ~positive]
    if len(up) == 0 or len(down) == 0:
        return float("nan"), float("nan"), 0
    variance = sum(v.var(ddof=1) / len(v) for v in (up, down) if len(v) > 1)
    return float(up.mean()), float(variance**0.5), min(len(up), len(down))
