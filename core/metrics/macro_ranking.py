"""How well scores rank images by several labels: means over labels, and intervals of the means.

An image counts for every label that is known of it, so that the labels' values vary together. How
much a value rests on each image is its pull, so scaled that squares of pulls sum to the variance of
the value: DeLong's components for areas under the ROC curve, what leaving the image out changes for
average precisions (the jackknife). The pulls of a mean are the mean of the labels' pulls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer
from scipy.special import expit, logit, stdtrit

from core.metrics.learnability import Interval, area_variance, placements

LEAST = 3
"""images that show a label, and that lack it, without which it counts in no mean"""
_Z = 1.959964
"""of a two-sided 95 % interval"""


class Pull(NamedTuple):
    """One label's."""

    value: float
    """0..1"""
    pulls: Float64[np.ndarray, " n"]
    too_high: float
    """how much the value lies above that of very many images on average, as far as can be told"""
    widened: float
    """times the pulls, what an interval is made of; 1 or more"""


@dataclass(frozen=True)
class Pulled:
    """A measure of each label, and what it rests on."""

    values: Float64[np.ndarray, " y"]
    """0..1; NaN: fewer than `LEAST` images show it, or lack it"""
    pulls: Float64[np.ndarray, "n y"]
    """0 where the label is unknown or has no value"""
    too_high: Float64[np.ndarray, " y"]
    widened: Float64[np.ndarray, " y"]
    freedom: Float64[np.ndarray, " y"]
    """degrees of freedom of the variance; infinite: it is taken for known"""
    rarer: Integer[np.ndarray, " y"]
    """images of the kind that there is less of"""

    @property
    def n(self) -> int:
        """Labels that have a value."""
        return int((~np.isnan(self.values)).sum())


def areas(z: Float[np.ndarray, "n y"], y: Float[np.ndarray, "n y"]) -> Pulled:
    """Areas under the ROC curve, by scores (of any unit) and labels: 1, 0, NaN unknown."""
    return _each(z, y, area, np.full(y.shape[1], np.inf))


def precisions(z: Float[np.ndarray, "n y"], y: Float[np.ndarray, "n y"]) -> Pulled:
    """Average precisions, as `areas`."""
    return _each(z, y, precision, np.maximum((y == 1).sum(0) - 1.0, 1.0))


def mean(found: Pulled) -> Interval:
    """Mean over labels, 0..1, and its 95 % interval on the logit scale, NaN without a label.

    The quantile is Student's t with Welch's degrees of freedom. By as much as the mean is too high
    on average the interval reaches further down. Where nothing varies, as all labels are ranked
    perfectly, it is the exact binomial bound of as many hits as the rarest label has images.
    """
    judged = ~np.isnan(found.values)
    if not judged.any():
        return Interval(float("nan"), float("nan"), float("nan"))
    value = float(found.values[judged].mean())
    error, quantile = _error((found.pulls * found.widened)[:, judged], found.freedom[judged])
    if error == 0 or value in (0.0, 1.0):
        bound = float(0.025 ** (1 / int(found.rarer[judged].min())))
        return Interval(value, bound if value == 1 else 0.0, 1.0 if value == 1 else 1 - bound)
    half, at = quantile * error / (value * (1 - value)), float(logit(value))
    lower = float(expit(at - half)) - max(float(found.too_high[judged].mean()), 0.0)
    return Interval(value, max(lower, 0.0), float(expit(at + half)))


def gain(one: Pulled, other: Pulled) -> Interval:
    """How much larger the mean over labels is of `other` than of `one` on the same images, -1..1,
    and its 95 % interval; what both find hard cancels out. NaN without a label."""
    judged = ~np.isnan(one.values)
    if not judged.any():
        return Interval(float("nan"), float("nan"), float("nan"))
    value = float((other.values - one.values)[judged].mean())
    error, quantile = _error((other.pulls - one.pulls)[:, judged], one.freedom[judged])
    half = quantile * error
    return Interval(value, max(-1.0, value - half), min(1.0, value + half))


def _error(
    pulls: Float64[np.ndarray, "n y"], freedom: Float64[np.ndarray, " y"]
) -> tuple[float, float]:
    """Standard error of the mean over labels, and the quantile that goes with it."""
    error, each = float((pulls.mean(1) ** 2).sum() ** 0.5), (pulls**2).sum(0)
    if error == 0 or np.isinf(freedom).any():
        return error, _Z
    whole = each.sum() ** 2 / (each**2 / freedom).sum()
    return error, float(stdtrit(float(whole), 0.975))


def _each(
    z: Float[np.ndarray, "n y"],
    y: Float[np.ndarray, "n y"],
    of: Callable[[Float[np.ndarray, " n"], Bool[np.ndarray, " n"]], Pull],
    freedom: Float64[np.ndarray, " y"],
) -> Pulled:
    n = y.shape[1]
    values, pulls, too_high, widened = (
        np.full(n, np.nan),
        np.zeros(y.shape),
        np.zeros(n),
        np.ones(n),
    )
    rarer = np.minimum((y == 1).sum(0), (y == 0).sum(0))
    for j in np.flatnonzero(rarer >= LEAST):
        known = ~np.isnan(y[:, j])
        values[j], pulls[known, j], too_high[j], widened[j] = of(z[known, j], y[known, j] == 1)
    return Pulled(values, pulls, too_high, widened, freedom, rarer)


def area(scores: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> Pull:
    """DeLong's variance is too small of few images; it counts as no less than Newcombe's."""
    one_fold = np.zeros(len(positive), dtype=np.int64)
    places = placements(scores, positive.astype(np.float64), one_fold).value
    value, out = float(places[positive].mean()), np.empty(len(positive))
    for kind in (positive, ~positive):
        n = int(kind.sum())
        out[kind] = (places[kind] - value) / (n * max(n - 1, 1)) ** 0.5
    n = int(positive.sum())
    error, floor = (out**2).sum() ** 0.5, area_variance(value, n, len(positive) - n) ** 0.5
    return Pull(value, out, 0.0, max(1.0, float(floor / error)) if error else 1.0)


def precision(scores: Float[np.ndarray, " n"], positive: Bool[np.ndarray, " n"]) -> Pull:
    """Average precision; equal scores share a threshold. Needs two positives.

    All values without one image take one pass: without a positive, the precision at every threshold
    from its own downwards is (hits - 1) / (images - 1); without a negative, hits / (images - 1).
    """
    n, n_positive = len(positive), int(positive.sum())
    order = np.argsort(-scores, kind="stable")
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    hits = np.cumsum(positive[order])[last]
    shown, fewer = np.diff(hits, prepend=0), np.maximum(last, 1)
    parts = shown * hits / (last + 1)
    above = np.cumsum(parts) - parts
    less_hit, same_hit = shown * (hits - 1) / fewer, shown * hits / fewer
    # its own threshold has one positive less to count
    from_below = np.cumsum(less_hit[::-1])[::-1] - (hits - 1) / fewer
    at = np.searchsorted(last, np.arange(n))
    without = np.empty(n)
    without[order] = np.where(
        positive[order],
        (above + from_below)[at] / (n_positive - 1),
        (above + np.cumsum(same_hit[::-1])[::-1])[at] / n_positive,
    )
    value = float(parts.sum() / n_positive)
    pulls = (without.mean() - without) * ((n - 1) / n) ** 0.5
    return Pull(value, pulls, float((n - 1) * (without.mean() - value)), 1.0)
