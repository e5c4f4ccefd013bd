"""Whether a score goes along with its map, beside SciPy, simulation and shuffled images."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import pearsonr, t

from core.metrics.score_and_map import FEWEST, agreement


def test_the_correlation_is_that_of_scipy_and_the_interval_no_narrower() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(400, 3))
    means = scores * [1, -0.5, 0] + rng.normal(size=(400, 3))
    found = agreement(scores, means, seed=1)
    for k in range(3):
        one = pearsonr(scores[:, k], means[:, k])
        within = one.confidence_interval(0.95)
        np.testing.assert_allclose(found.r[k], one.statistic)
        assert found.lo[k] <= within.low + 1e-6
        assert found.hi[k] >= within.high - 1e-6
        np.testing.assert_allclose([found.lo[k], found.hi[k]], [within.low, within.high], atol=0.03)
    assert found.r[0] > 0.5 > 0 > found.r[1]


def test_the_interval_is_that_of_leaving_each_image_out() -> None:
    rng = np.random.default_rng(3)
    scores = np.maximum(rng.normal(size=(60, 1)), 0)
    means = scores**2 + 0.3 * np.maximum(rng.normal(size=(60, 1)), 0)
    found = agreement(scores, means, seed=1)
    z = np.array(
        [
            np.arctanh(np.corrcoef(np.delete(scores[:, 0], i), np.delete(means[:, 0], i))[0, 1])
            for i in range(60)
        ]
    )
    d = (z - z.mean()) ** 2
    half = t.ppf(0.975, d.sum() ** 2 / (d**2).sum() - 1) * np.sqrt(59 / 60 * d.sum())
    assert half > 1.96 / np.sqrt(57)
    middle = np.arctanh(found.r[0])
    np.testing.assert_allclose(found.lo[0], np.tanh(middle - half))
    np.testing.assert_allclose(found.hi[0], np.tanh(middle + half))


@pytest.mark.parametrize("n", [60, 150, 700])
@pytest.mark.parametrize("floor", [-9.0, 0.0, 1.0])
@pytest.mark.parametrize("shared", [0.0, 0.5, 0.85])
def test_intervals_hold_of_scores_that_are_mostly_0(n: int, floor: float, shared: float) -> None:
    """Of normal variables, of which what lies below `floor` is 0: none, half, five of six."""
    rng = np.random.default_rng(5)

    def drawn(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        common, one, other = rng.normal(size=(3, *shape))
        pair = (np.sqrt(shared) * common + np.sqrt(1 - shared) * own for own in (one, other))
        first, second = (np.maximum(x - floor, 0) for x in pair)
        return first, second

    truth = np.corrcoef(*(x[:, 0] for x in drawn((1_000_000, 1))))[0, 1]
    found = agreement(*drawn((n, 1500)), seed=0)
    told = ~np.isnan(found.lo)
    assert told.mean() > 0.2
    held = ((found.lo <= truth) & (truth <= found.hi))[told].mean()
    assert held >= 0.92
    if floor < 1 and n >= 150:
        assert held <= 0.98


def test_chance_is_the_size_with_the_images_shuffled() -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(400, 2))
    found = agreement(scores, scores, seed=0)
    np.testing.assert_allclose(found.r, 1)
    # of 400 images |r| is sqrt(2 / (pi n)) on average
    np.testing.assert_allclose(found.chance, np.sqrt(2 / (np.pi * 400)), rtol=0.5)


def test_chance_is_right_over_many_sets() -> None:
    rng = np.random.default_rng(4)
    one, other = np.maximum(rng.normal(size=(2, 150, 1500)) - 1, 0)
    found = agreement(one, other, seed=0)
    assert np.mean(found.chance) == pytest.approx(np.abs(found.r).mean(), rel=0.05)


def test_what_does_not_vary_has_no_correlation_and_what_few_images_tell_no_interval() -> None:
    scores = np.array([[1.0, 1.0], [2.0, 1.0], [4.0, 1.0], [3.0, 1.0]])
    found = agreement(scores, scores[:, ::-1], seed=0)
    assert np.isnan(found.r).all()
    assert np.isnan(found.chance).all()
    for n, told in ((FEWEST - 1, False), (FEWEST, True)):
        scores = np.zeros((40, 1))
        scores[:n, 0] = np.arange(1, n + 1)
        means = scores + np.random.default_rng(0).normal(size=(40, 1))
        found = agreement(scores, means, seed=0)
        assert found.r[0] > 0.5
        assert np.isnan(found.lo[0]) != told
