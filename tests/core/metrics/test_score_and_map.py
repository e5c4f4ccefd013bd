"""Whether a score goes along with its map, beside SciPy and beside shuffled images."""

from __future__ import annotations

import numpy as np
from scipy.stats import pearsonr

from core.metrics.score_and_map import agreement


def test_correlation_and_interval_are_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(50, 3))
    means = scores * [1, -0.5, 0] + rng.normal(size=(50, 3))
    found = agreement(scores, means, seed=1)
    for k in range(3):
        one = pearsonr(scores[:, k], means[:, k])
        within = one.confidence_interval(0.95)
        np.testing.assert_allclose(found.r[k], one.statistic)
        np.testing.assert_allclose([found.lo[k], found.hi[k]], [within.low, within.high], atol=1e-4)
    assert found.r[0] > 0.5 > 0 > found.r[1]


def test_chance_is_the_size_with_the_images_shuffled() -> None:
    rng = np.random.default_rng(2)
    scores = rng.normal(size=(400, 2))
    found = agreement(scores, scores, seed=0)
    np.testing.assert_allclose(found.r, 1)
    # of 400 images |r| is sqrt(2 / (pi n)) on average
    np.testing.assert_allclose(found.chance, np.sqrt(2 / (np.pi * 400)), rtol=0.5)


def test_what_does_not_vary_has_no_correlation() -> None:
    scores = np.array([[1.0, 1.0], [2.0, 1.0], [4.0, 1.0], [3.0, 1.0]])
    found = agreement(scores, scores[:, ::-1], seed=0)
    assert np.isnan(found.r).all()
    assert np.isnan(found.chance).all()
    assert np.isnan(agreement(scores[:3], scores[:3], seed=0).lo[0])
