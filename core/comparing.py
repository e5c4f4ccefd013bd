"""Two sets of images compared concept by concept: what one shows more of than the other.

Energy and its squashed difference follow Bohacek et al. 2025 ("Uncovering conceptual blindspots in
generative image models using sparse autoencoders", arXiv 2506.19708). Two sets can differ in which
concepts go together without any concept being more frequent; `within_classes` sees that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

RESAMPLES = 200


@dataclass(frozen=True)
class Comparison:
    """Per concept; differences are b minus a, in the unit of the scores."""

    energy_a: Float64[np.ndarray, " k"]
    """mean score"""
    energy_b: Float64[np.ndarray, " k"]
    lo: Float64[np.ndarray, " k"]
    """95 % bootstrap interval of the energy difference"""
    hi: Float64[np.ndarray, " k"]
    active_a: Float64[np.ndarray, " k"]
    """prevalence: share of images with a positive score, 0..1"""
    active_b: Float64[np.ndarray, " k"]


@dataclass(frozen=True)
class WithinClasses:
    value: Float64[np.ndarray, " k"]
    """mean over classes of |difference of energies|, in pooled standard deviations; 0 where the
    concept never varies"""
    chance: Float64[np.ndarray, " k"]
    """mean of the same over orders in which images of a class changed sides at random"""
    chance_95: Float64[np.ndarray, " k"]
    """their 95 % quantile"""
    p: Float64[np.ndarray, " k"]
    """share of those orders, and of the real one, that reach the value"""
    differences: Float64[np.ndarray, "y k"]
    """b minus a in each compared class, in pooled standard deviations"""
    classes: Integer[np.ndarray, " y"]
    """those with at least two images on both sides"""


def compare(
    a: Float[np.ndarray, "n k"],
    b: Float[np.ndarray, "m k"],
    *,
    paired: bool = False,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Raises ValueError when a side has no image, and when rows cannot be `paired`.

    The interval is the percentile bootstrap: images of each side drawn with replacement, or pairs
    of images where row i of both sides is the same image before and after something.
    """
    if not len(a) or not len(b):
        raise ValueError("a side of the comparison has no image; loosen its filter")
    if paired and len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} images cannot be pairs")
    rng = np.random.default_rng(seed)
    if paired:
        drawn = _resampled(b.astype(np.float64) - a, n_resamples, rng)
    else:
        drawn = _resampled(b, n_resamples, rng) - _resampled(a, n_resamples, rng)
    lo, hi = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Comparison(
        a.mean(0, dtype=np.float64), b.mean(0, dtype=np.float64), lo, hi,
        (a > 0).mean(0), (b > 0).mean(0),
    )  # fmt: skip


def _resampled(
    x: Float[np.ndarray, "n k"], n_resamples: int, rng: np.random.Generator
) -> Float64[np.ndarray, "r k"]:
    """Means of samples with replacement: how often each image is drawn, times the images."""
    n = len(x)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    return counts.astype(np.float64) @ x.astype(np.float64) / n


def temperature(differences: Float[np.ndarray, " k"]) -> float:
    """Where the 95 % quantile of |difference|, over concepts that differ at all, has delta 0.9: the
    strongest twentieth then lies beyond 0.1 and 0.9, the marks of the paper. (The median would put
    most of a sparse bank there, for its rare concepts hardly differ.) 1 when none differs."""
    sizes = np.abs(differences[differences != 0])
    return float(np.quantile(sizes, 0.95) / np.log(9)) if len(sizes) else 1.0


def delta(differences: Float[np.ndarray, " k"], temperature: float) -> Float64[np.ndarray, " k"]:
    """sigmoid(difference / temperature), 0..1: 0.5 says equal, 1 only in b, 0 only in a."""
    if not temperature > 0:
        raise ValueError(f"the temperature must be larger than 0, not {temperature}")
    scaled = np.clip(differences.astype(np.float64) / temperature, -500, 500)  # exp overflows later
    return np.asarray(1 / (1 + np.exp(-scaled)))


def within_classes(
    a: Float[np.ndarray, "n k"],
    classes_a: Integer[np.ndarray, " n"],
    b: Float[np.ndarray, "m k"],
    classes_b: Integer[np.ndarray, " m"],
    *,
    paired: bool = False,
    n_permutations: int = RESAMPLES,
    seed: int = 0,
) -> WithinClasses:
    """Class-conditional energy differences, whose signs may cancel over classes.

    `paired`: row i of both sides is one image before and after; then only the two of a pair change
    sides by chance.

    The pooled standard deviation is that inside the cells (class and side), permuted like the
    differences. Unlabelled images (-1) are left out; the outcome for one concept does not depend on
    which others are given. Raises ValueError when no class has two images on both sides.
    """
    shared = [c for c in np.intersect1d(classes_a, classes_b) if c >= 0]
    classes = np.array(
        [c for c in shared if min((classes_a == c).sum(), (classes_b == c).sum()) >= 2],
        dtype=np.int64,
    )
    if not len(classes):
        raise ValueError("no class has two labelled images on both sides")
    k = a.shape[1]
    found = np.zeros((len(classes), n_permutations + 1, k))  # entry 0 is the real order
    inside = np.zeros((n_permutations + 1, k))
    free = 0
    for i, c in enumerate(classes):
        mine_a, mine_b = a[classes_a == c], b[classes_b == c]
        n, m = len(mine_a), len(mine_b)
        both = np.concatenate([mine_a, mine_b]).astype(np.float64)
        both -= both.mean(0)
        in_b = _sides(n, m, n_permutations, np.random.default_rng([seed, int(c)]), paired=paired)
        found[i] = np.where(in_b, 1 / m, -1 / n) @ both
        # sum of squares = inside the two sides + between them
        inside += (both**2).sum(0) - found[i] ** 2 * (n * m / (n + m))
        free += n + m - 2
    spread = np.sqrt(np.maximum(inside, 0) / free)
    # rounding leaves a constant concept a spread that is no spread
    alive = spread > 1e-9 * np.maximum(np.abs(a).max(0), np.abs(b).max(0))
    found = np.divide(found, spread, out=np.zeros_like(found), where=alive)
    values = np.abs(found).mean(0)
    null = values[1:]
    reached = (null >= values[0] * (1 - 1e-12)).sum(0)
    return WithinClasses(
        values[0], null.mean(0), np.quantile(null, 0.95, axis=0),
        (1 + reached) / (1 + n_permutations), found[:, 0], classes,
    )  # fmt: skip


def _sides(
    n: int, m: int, n_permutations: int, rng: np.random.Generator, *, paired: bool
) -> Bool[np.ndarray, "p nm"]:
    """Which images stand in b: as they do, then in random orders."""
    real = np.arange(n + m) >= n
    if paired:
        swapped = rng.random((n_permutations, n)) < 0.5
        return np.concatenate([real[None], np.concatenate([swapped, ~swapped], axis=1)])
    return np.concatenate([real[None], rng.permuted(np.tile(real, (n_permutations, 1)), axis=1)])
