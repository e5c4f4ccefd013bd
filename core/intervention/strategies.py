"""To what a concept is set once it is known to be present or absent.

0 and 1 are no scores that a margin or a code takes, and setting them takes the head where no image
ever was; a value that the concept shows on images with the same answer stays within what the head
was fitted on. Every strategy says where it leaves the observed range.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

PERCENTILES = (5, 50, 95)
EDGES = (0.5, 99.5)
"""percentiles over all images; beyond them a score is unusual"""


@dataclass(frozen=True)
class Levels:
    """What scores a concept takes, over the images given; NaN where there is no such image."""

    present: Float64[np.ndarray, "3 k"]
    """5th, 50th, 95th percentile over images that show it"""
    absent: Float64[np.ndarray, "3 k"]
    lowest: Float64[np.ndarray, " k"]
    """over all images"""
    highest: Float64[np.ndarray, " k"]
    low: Float64[np.ndarray, " k"]
    """0.5th percentile over all images, or the lowest of `present` and `absent` if that is less:
    what is usual for the few images that show a rare concept is not unusual"""
    high: Float64[np.ndarray, " k"]
    n_present: Integer[np.ndarray, " k"]
    n_absent: Integer[np.ndarray, " k"]
    n: int
    """images measured on"""


class Values(NamedTuple):
    score: Float64[np.ndarray, "n k"]
    """what to set; the present score where nothing is known to set"""
    known: Bool[np.ndarray, "n k"]
    outside: Bool[np.ndarray, "n k"]
    """set to something outside the range the concept was observed in: off-distribution"""


def levels(scores: Float[np.ndarray, "n k"], labels: Float[np.ndarray, "n k"]) -> Levels:
    """Labels are 1, 0 or NaN (unknown). Without any, whether a concept is active may stand in.

    Raises ValueError without images.
    """
    if not len(scores):
        raise ValueError("levels are measured on images, and there is none")
    present = _percentiles(scores, labels == 1)
    absent = _percentiles(scores, labels == 0)
    low, high = np.percentile(scores.astype(np.float64), EDGES, axis=0)
    both = np.concatenate([present, absent])
    return Levels(
        present=present,
        absent=absent,
        lowest=scores.min(0).astype(np.float64),
        highest=scores.max(0).astype(np.float64),
        low=np.fmin(low, np.fmin.reduce(both)),
        high=np.fmax(high, np.fmax.reduce(both)),
        n_present=(labels == 1).sum(0),
        n_absent=(labels == 0).sum(0),
        n=len(scores),
    )


def _percentiles(
    scores: Float[np.ndarray, "n k"], chosen: Bool[np.ndarray, "n k"]
) -> Float64[np.ndarray, "3 k"]:
    out = np.full((len(PERCENTILES), scores.shape[1]), np.nan)
    for k in np.flatnonzero(chosen.any(0)):
        out[:, k] = np.percentile(scores[chosen[:, k], k].astype(np.float64), PERCENTILES)
    return out


Scores = Float[np.ndarray, "n k"]
Wanted = Float[np.ndarray, "n k"]


def typical(at: Levels, _scores: Scores, wanted: Wanted) -> Scores:
    """The median of the images with the same answer."""
    return np.where(wanted >= 0.5, at.present[1], at.absent[1])


def strong(at: Levels, _scores: Scores, wanted: Wanted) -> Scores:
    """Present: their 95th percentile; absent: their 5th (as Koh et al. 2020)."""
    return np.where(wanted >= 0.5, at.present[2], at.absent[0])


def weak(at: Levels, _scores: Scores, wanted: Wanted) -> Scores:
    """Present: their 5th percentile; absent: their 95th. The least that still says so."""
    return np.where(wanted >= 0.5, at.present[0], at.absent[2])


def own(_at: Levels, scores: Scores, wanted: Wanted) -> Scores:
    """Present: the 95th percentile of this image's concepts; absent: their 5th.

    Presumes concepts on one scale (SL-CBM, arXiv 2601.12804).
    """
    low, high = np.percentile(scores.astype(np.float64), (5, 95), axis=1)
    return np.where(wanted >= 0.5, high[:, None], low[:, None])


def probability(_at: Levels, _scores: Scores, wanted: Wanted) -> Scores:
    """The answer itself: 1 or 0, and a share of annotators stays a share.

    Right for heads on probabilities; elsewhere usually off-distribution.
    """
    return wanted.astype(np.float64)


class Strategy(NamedTuple):
    score: Callable[[Levels, Scores, Wanted], Scores]
    """what to set; NaN where nothing is known to set"""
    title: str
    about: str
    """for people: what present and absent are set to, after "set ..." """
    of_images: bool = False
    """a value that the train images with that answer show; `about` goes on "of the images ..." """
    whole_row: bool = False
    """reads all scores of an image and no level, so it cannot be asked about a few concepts"""


STRATEGIES: dict[str, Strategy] = {
    "typical": Strategy(typical, "typical values", "the median", of_images=True),
    "strong": Strategy(
        strong,
        "strong values",
        "the clear end (95th percentile if present, 5th if absent)",
        of_images=True,
    ),
    "weak": Strategy(
        weak,
        "weak values",
        "the faint end (5th percentile if present, 95th if absent)",
        of_images=True,
    ),
    "own": Strategy(
        own,
        "this image’s values",
        "the 95th (present) or 5th (absent) percentile of the image’s own concepts",
        whole_row=True,
    ),
    "probability": Strategy(
        probability, "0 or 1", "1 or 0, which suits heads that read probabilities"
    ),
}
"""in the order in which people see them"""
TYPICAL = "typical"
"""where nobody chose"""


def values(
    strategy: str,
    at: Levels,
    scores: Float[np.ndarray, "n k"],
    wanted: Float[np.ndarray, "n k"],
) -> Values:
    """`wanted` is 1 present, 0 absent, NaN unknown; between them, a degree (0.5 is present).

    Unknown, and concepts of which no image gives a value, keep their score.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"no strategy {strategy!r}; choose from {', '.join(STRATEGIES)}")
    found = STRATEGIES[strategy].score(at, scores, wanted)
    known = ~np.isnan(wanted) & ~np.isnan(found)
    out = np.where(known, found, scores.astype(np.float64))
    return Values(out, known, known & ((out < at.lowest) | (out > at.highest)))
