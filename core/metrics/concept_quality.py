"""Is a concept one thing? What its scores over images, classes and its top images say."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

from core.types import Grid

BINS = 20
PAIRS = 1_000
"""pairs of classes compared at most"""
LABELS = 50
"""labels whose presence is compared at most"""
RARE = 0.001
"""flagged "rare" below this share of images"""
DENSE = 0.5
"""flagged "dense" above this share of tokens"""
ALMOST_ALL = 0.9
"""flagged "single class" and "single image" above this share of the score, "border" and "fixed
place" above this share of |code|"""
DUPLICATE = 0.95
"""flagged "near duplicate" above this cosine with another direction of the bank"""


def shape(
    scores: Float[np.ndarray, "n k"],
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Skewness and excess kurtosis (both 0 for a normal) of each column; NaN where it is constant.

    High kurtosis: a concept that is silent on most images and loud on few.
    """
    centred = scores.astype(np.float64) - scores.mean(0, dtype=np.float64)
    variance = (centred**2).mean(0)
    # rounding leaves a constant column a spread of its last digits
    flat = variance <= (1e-7 * np.abs(scores).max(0)) ** 2
    with np.errstate(invalid="ignore", divide="ignore"):
        skew = np.where(flat, np.nan, (centred**3).mean(0) / variance**1.5)
        kurtosis = np.where(flat, np.nan, (centred**4).mean(0) / variance**2 - 3)
    return skew, kurtosis


def separability(
    scores: Float[np.ndarray, "n k"], classes: Integer[np.ndarray, " n"], *, seed: int
) -> Float64[np.ndarray, " k"]:
    """Mean Jensen-Shannon distance between classes' scores, 0 (alike) .. 1 (no common bin).

    sqrt(JSD) with log2 over 20 shared bins, mean over pairs of classes (a seeded 1,000 of them at
    most); after arXiv 2508.15094, whose bins are not given. Few images make it large by chance, so
    read it beside the same number for shuffled classes. NaN with one class or a constant score.
    """
    present, of = np.unique(classes, return_inverse=True)
    n_classes, k = len(present), scores.shape[1]
    if n_classes < 2:
        return np.full(k, np.nan)
    lo, hi = scores.min(0), scores.max(0)
    width = hi - lo
    with np.errstate(invalid="ignore", divide="ignore"):
        place = np.nan_to_num((scores - lo) / width * BINS, posinf=0, neginf=0)
    place = np.minimum(place.astype(np.int64), BINS - 1)
    cell = (np.arange(k) * n_classes + of[:, None]) * BINS + place
    counts = np.bincount(cell.ravel(), minlength=k * n_classes * BINS)
    p = counts.reshape(k, n_classes, BINS) / np.bincount(of)[None, :, None]
    pairs = np.array(list(combinations(range(n_classes), 2)))
    if len(pairs) > PAIRS:
        pairs = np.random.default_rng(seed).permutation(pairs)[:PAIRS]
    own = _entropy(p)
    total = np.zeros(k)
    for one, two in pairs:
        jsd = _entropy((p[:, one] + p[:, two]) / 2) - (own[:, one] + own[:, two]) / 2
        total += np.sqrt(np.maximum(jsd, 0))  # rounding may leave -1e-16
    return np.where(width > 0, total / len(pairs), np.nan)


def _entropy(p: Float[np.ndarray, "*k m"]) -> Float64[np.ndarray, "*k"]:
    return -(p * np.log2(p, out=np.zeros_like(p), where=p > 0)).sum(-1)


def mean_cosine(rows: Float[np.ndarray, "n d"]) -> float:
    """Mean cosine over all pairs of different rows, -1..1: exact, from the length of their sum.

    Of the pooled activations of a concept's top images this is how much the backbone itself finds
    them alike; of all images it is what random pairs have. NaN with fewer than two non-zero rows.
    """
    size = np.linalg.norm(rows, axis=1)
    unit = rows[size > 0].astype(np.float64) / size[size > 0, None]
    n = len(unit)
    if n < 2:
        return float("nan")
    return float(((unit.sum(0) ** 2).sum() - n) / (n * (n - 1)))


def shares(
    scores: Float[np.ndarray, "n k"], classes: Integer[np.ndarray, " n"]
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Share of the positive score in the class, and in the image, that has most of it, 0..1.

    Classes below 0 are unlabelled, and left out of the first. NaN without any positive score.
    """
    positive = np.maximum(scores, 0)
    known = classes >= 0
    present, of = np.unique(classes[known], return_inverse=True)
    by_class = np.zeros((max(1, len(present)), scores.shape[1]))
    np.add.at(by_class, of, positive[known])
    with np.errstate(invalid="ignore", divide="ignore"):
        return by_class.max(0) / by_class.sum(0), positive.max(0) / positive.sum(0)


def label_separability(
    scores: Float[np.ndarray, "n k"], labels: Float[np.ndarray, "n l"]
) -> tuple[Float64[np.ndarray, " k"], int]:
    """As `separability`, between images with and without a label, mean over labels; and how many.

    Labels (1, 0, NaN unknown) that some images show and some do not count, the 50 most even of
    them. NaN without one, and for a constant score.
    """
    fewer = np.minimum((labels == 1).sum(0), (labels == 0).sum(0))
    chosen = np.argsort(-fewer, kind="stable")[: min(LABELS, int((fewer > 0).sum()))]
    k = scores.shape[1]
    if not len(chosen):
        return np.full(k, np.nan), 0
    total = np.zeros(k)
    for j in chosen:
        known = ~np.isnan(labels[:, j])
        shown = labels[known, j].astype(np.int64)
        # a score that does not vary on the images of one label tells nothing about it
        total += np.nan_to_num(separability(scores[known], shown, seed=0))
    flat = scores.min(0) == scores.max(0)
    return np.where(flat, np.nan, total / len(chosen)), len(chosen)


def places(
    magnitudes: Float[np.ndarray, "k t"], grid: Grid
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    """Share of |code| in the outermost ring of the grid, and in the tenth of its places (rounded
    up) that has most, 0..1; NaN where nothing fires."""
    ring = np.ones(grid, dtype=bool)
    ring[1:-1, 1:-1] = False
    most = -np.sort(-magnitudes, axis=1)[:, : -(-magnitudes.shape[1] // 10)]
    with np.errstate(invalid="ignore", divide="ignore"):
        total = magnitudes.sum(1)
        return magnitudes[:, ring.ravel()].sum(1) / total, most.sum(1) / total


def border_counts(grid: Grid) -> bool:
    """Whether the ring is at most half of the grid, so that lying in it says something."""
    return 2 * (grid.h - 2) * (grid.w - 2) >= grid.h * grid.w


@dataclass(frozen=True)
class Facts:
    """Columns of the table `concept` that say what is odd; shares are 0..1, NaN: it has none."""

    frequency: Float[np.ndarray, " k"]
    density: Float[np.ndarray, " k"]
    class_share: Float[np.ndarray, " k"]
    image_share: Float[np.ndarray, " k"]
    border_share: Float[np.ndarray, " k"]
    place_share: Float[np.ndarray, " k"]
    nearest_cosine: Float[np.ndarray, " k"]


def flags(of: Facts, *, signed: bool, n_classes: int, border_counts: bool) -> list[list[str]]:
    """What is odd about each concept: dead, rare, dense, single class, single image, border, fixed
    place, near duplicate.

    About half the tokens of a signed concept are positive by nature, so it is never dense.
    """
    dead = of.frequency == 0
    odd: dict[str, Bool[np.ndarray, " k"]] = {
        "dead": dead,
        "rare": ~dead & (of.frequency < RARE),
        "dense": (of.density > DENSE) & (not signed),
        "single class": (np.nan_to_num(of.class_share) > ALMOST_ALL) & (n_classes > 1),
        "single image": np.nan_to_num(of.image_share) > ALMOST_ALL,
        "border": (np.nan_to_num(of.border_share) > ALMOST_ALL) & border_counts,
        "fixed place": np.nan_to_num(of.place_share) > ALMOST_ALL,
        "near duplicate": np.nan_to_num(of.nearest_cosine, nan=-1) > DUPLICATE,
    }
    return [[name for name, is_so in odd.items() if is_so[j]] for j in range(len(dead))]
