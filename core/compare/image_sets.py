"""Two sets of images compared concept by concept: what one shows more of than the other.

Energy and its squashed difference follow Bohacek et al. 2025 ("Uncovering conceptual blindspots in
generative image models using sparse autoencoders", arXiv 2506.19708); their energy sums over
tokens, this one is the mean score: the temperature takes up the factor. Two sets can differ in
which concepts go with which classes without any concept being more frequent: see `class_shifts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Integer

from core.compare import mean_interval, orders


@dataclass(frozen=True)
class Comparison:
    """Per concept; differences are b minus a, in the unit of the scores."""

    energy_a: Float64[np.ndarray, " k"]
    """mean score"""
    energy_b: Float64[np.ndarray, " k"]
    lo: Float64[np.ndarray, " k"]
    """95 % interval of the energy difference: `core.compare.mean_interval`"""
    hi: Float64[np.ndarray, " k"]
    p: Float64[np.ndarray, " k"]
    """share of the orders in which images changed sides at random, and of the real one, whose
    difference is as large in size"""
    active_a: Float64[np.ndarray, " k"]
    """prevalence: share of images with a positive score, 0..1"""
    active_b: Float64[np.ndarray, " k"]


def compare(
    a: Float[np.ndarray, "n k"],
    b: Float[np.ndarray, "m k"],
    *,
    paired: bool = False,
    n_orders: int = orders.FIRST,
    seed: int = 0,
) -> Comparison:
    """Raises ValueError when a side has no image, and when rows cannot be `paired`.

    By chance images of both sides change sides; of pairs, row i of both sides the same image before
    and after something, only the two of a pair do. `n_orders`: see `core.compare.orders.most`. The
    outcome for a concept does not depend on which others are given, but for the random part of its
    interval.
    """
    if not len(a) or not len(b):
        raise ValueError("a side of the comparison has no image; loosen its filter")
    if paired and len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} images cannot be pairs")
    n, m = len(a), len(b)
    x = np.concatenate([a, b]).astype(np.float64)
    energy_a, energy_b = x[:n].mean(0), x[n:].mean(0)
    x -= x.mean(0)

    def differences(in_b: Float64[np.ndarray, "r nm"]) -> Float64[np.ndarray, "r 1 k"]:
        return (in_b @ x * (1 / n + 1 / m))[:, None]

    def again(columns: Integer[np.ndarray, " c"], batch: int) -> Float64[np.ndarray, "r 1 c"]:
        rng = np.random.default_rng([seed, 1, batch])
        in_b = orders.swaps(n, m, orders.BATCH, rng, paired=paired)
        return (in_b @ x[:, columns] * (1 / n + 1 / m))[:, None]

    rng = np.random.default_rng([seed, 0])
    first = differences(orders.swaps(n, m, orders.FIRST, rng, paired=paired))
    real = differences((np.arange(n + m) >= n).astype(np.float64)[None])[0]
    p = orders.p_values(real, first, again, n_orders=n_orders)[0]
    if paired:
        lo, hi = mean_interval.of_pairs(b.astype(np.float64) - a, seed=seed)
    else:
        lo, hi = mean_interval.of_difference(a, b, seed=seed)
    return Comparison(energy_a, energy_b, lo, hi, p, (a > 0).mean(0), (b > 0).mean(0))


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
