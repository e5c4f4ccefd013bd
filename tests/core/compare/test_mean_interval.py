"""Intervals of a difference of mean scores hold the truth as often as they say, by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from core.compare import mean_interval

K = 1000
"""simulated sets"""
SIZES = [(10, 10), (10, 350), (20, 20), (50, 350), (350, 350)]


def sparse(
    rng: np.random.Generator, n: int, *, rate: float, strength: float
) -> tuple[np.ndarray, float]:
    x = (rng.random((n, K)) < rate) * rng.exponential(strength, (n, K))
    return x, rate * strength


def covered(a: np.ndarray, b: np.ndarray, truth: float) -> float:
    lo, hi = mean_interval.of_difference(a, b, seed=0)
    drawn = (a != 0).any(0) | (b != 0).any(0)
    np.testing.assert_array_equal(np.isnan(lo), ~drawn)
    assert (lo <= hi)[drawn].all()
    return float(((lo <= truth) & (truth <= hi))[drawn].mean())


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("spread", [1.0, 2.0])
def test_of_dense_scores(sizes: tuple[int, int], spread: float) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0, spread, (sizes[0], K)), rng.normal(1, 1, (sizes[1], K))
    assert 0.92 < covered(a, b, 1.0) < 0.98


@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("rates", [(0.3, 0.3), (0.05, 0.05), (0.05, 0.3), (0.3, 0.05)])
def test_of_sparse_scores(sizes: tuple[int, int], rates: tuple[float, float]) -> None:
    """Less where a concept is told by an image or two of a side. Of 1,000 sets each."""
    rng = np.random.default_rng(1)
    (a, of_a), (b, of_b) = (
        sparse(rng, n, rate=rate, strength=strength)
        for n, rate, strength in zip(sizes, rates, (1.0, 2.0), strict=True)
    )
    least = 0.915 if min(n * rate for n, rate in zip(sizes, rates, strict=True)) > 6 else 0.85
    assert covered(a, b, of_b - of_a) > least
    if max(sizes) == min(sizes) == 350:
        assert covered(a, b, of_b - of_a) < 0.98


def test_a_concept_silent_in_one_set_keeps_a_width() -> None:
    """As wide as 0 of 10 images leaves room for, at the strength of the other set."""
    rng = np.random.default_rng(2)
    b = (rng.random((200, 1)) < 0.2) * rng.exponential(size=(200, 1))
    lo, hi = mean_interval.of_difference(np.zeros((10, 1)), b, seed=0)
    assert lo[0] < 0.1 < b.mean() < hi[0]
    silent = mean_interval.of_difference(np.zeros((10, 1)), np.zeros((10, 1)), seed=0)
    assert np.isnan(silent).all()


@pytest.mark.parametrize("n", [10, 20, 50, 350])
@pytest.mark.parametrize("differ", [0.3, 1.0])
def test_of_pairs(n: int, differ: float) -> None:
    rng = np.random.default_rng(3)
    x = (rng.random((n, K)) < differ) * rng.normal(0.5, 1, (n, K))
    lo, hi = mean_interval.of_pairs(x, seed=0)
    held = (lo <= 0.5 * differ) & (0.5 * differ <= hi)
    share = held[(x != 0).any(0)].mean()
    assert 0.92 < share < (0.98 if differ == 1 else 0.995)


def test_one_image_says_nothing_of_its_spread() -> None:
    lo, hi = mean_interval.of_difference(np.ones((1, 1)), np.full((5, 1), 2.0), seed=0)
    assert (lo[0], hi[0]) == (-np.inf, np.inf)
    lo, hi = mean_interval.of_pairs(np.ones((1, 1)), seed=0)
    assert (lo[0], hi[0]) == (-np.inf, np.inf)
