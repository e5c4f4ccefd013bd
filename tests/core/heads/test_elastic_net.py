"""Elastic-net logistic regression: scikit-learn's solution, and a gap that tells how far it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from core.heads.elastic_net import CLOSE, Fit, Penalty, fit_elastic_net


def drawn(n_classes: int, *, n: int = 90, k: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Correlated scores of classes that overlap."""
    rng = np.random.default_rng(n_classes)
    y = np.arange(n) % n_classes
    x = rng.normal(size=(n, k)) @ rng.normal(size=(k, k)) + rng.normal(size=(n_classes, k))[y]
    return (x - x.mean(0)) / x.std(0), y


def objective(x: np.ndarray, y: np.ndarray, fit: Fit, penalty: Penalty) -> float:
    """One image at a time."""
    total = 0.0
    for row, own in zip(x, y, strict=True):
        z = fit.weight @ row + fit.bias
        z = np.array([0.0, z[0]]) if len(z) == 1 else z
        total += penalty.c * float(logsumexp(z) - z[own])
    ridge = (1 - penalty.l1_ratio) / 2 * float((fit.weight**2).sum())
    return total + penalty.l1_ratio * float(np.abs(fit.weight).sum()) + ridge


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("fit_bias", [True, False])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 0.99, 1.0])
def test_it_ends_where_scikit_learn_does(n_classes: int, fit_bias: bool, l1_ratio: float) -> None:
    x, y = drawn(n_classes)
    penalty = Penalty(0.7, l1_ratio)
    fit = fit_elastic_net(x, y, penalty, fit_bias=fit_bias)
    twin = LogisticRegression(
        C=0.7, l1_ratio=l1_ratio, solver="saga", tol=1e-9, max_iter=50_000, fit_intercept=fit_bias
    ).fit(x, y)
    best = Fit(twin.coef_, np.ravel(twin.intercept_) * np.ones(len(twin.coef_)), 0.0)
    ours, least = objective(x, y, fit, penalty), objective(x, y, best, penalty)
    assert fit.gap <= CLOSE
    assert ours <= least * (1 + 2e-5)
    assert ours >= least * (1 - 2e-5)
    np.testing.assert_allclose(fit.weight, twin.coef_, atol=0.02)
    if l1_ratio > 0.5:
        assert np.count_nonzero(fit.weight) < fit.weight.size
    if not fit_bias:
        assert (fit.bias == 0).all()


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("l1_ratio", [0.3, 0.99, 1.0])
def test_the_gap_is_never_less_than_the_distance(n_classes: int, l1_ratio: float) -> None:
    """However early a fit is ended; and it is not vacuous."""
    x, y = drawn(n_classes)
    penalty = Penalty(2.0, l1_ratio)
    least = objective(x, y, fit_elastic_net(x, y, penalty), penalty)
    for most_steps in (1, 3, 10, 30):
        fit = fit_elastic_net(x, y, penalty, most_steps=most_steps)
        ours = objective(x, y, fit, penalty)
        assert ours - least <= fit.gap * ours + 2 * CLOSE * least
        assert 0 <= fit.gap <= 60
    assert fit_elastic_net(x, y, penalty, most_steps=3).gap > 100 * CLOSE


def test_a_start_elsewhere_ends_at_the_same_fit() -> None:
    x, y = drawn(3)
    first = fit_elastic_net(x, y, Penalty(30.0))
    again = fit_elastic_net(x, y, Penalty(0.5), start=first)
    np.testing.assert_allclose(again.weight, fit_elastic_net(x, y, Penalty(0.5)).weight, atol=0.02)


def test_constant_scores_and_a_penalty_above_all_leave_biases_that_give_the_shares() -> None:
    x, y = drawn(3)
    fit = fit_elastic_net(np.concatenate([x, np.zeros((90, 1))], axis=1), y[:90], Penalty(1e-4))
    assert not fit.weight.any()
    p = np.exp(fit.bias - logsumexp(fit.bias))
    np.testing.assert_allclose(p, np.bincount(y) / len(y), atol=1e-9)


def test_unequal_and_separable_classes_end() -> None:
    """Few images of one class, told apart without error, and hardly a penalty."""
    x, y = drawn(3, n=60, k=80)
    kept = (y != 2) | (np.arange(60) < 9)
    fit = fit_elastic_net(x[kept], y[kept], Penalty(100.0))
    assert fit.gap <= CLOSE
    assert np.isfinite(fit.weight).all()
