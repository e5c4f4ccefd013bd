"""Perturbation and effective concepts."""

from __future__ import annotations

import math

import numpy as np
import pytest
import reference_cbm as slow

from core.metrics import perturbation
from core.types import Head

N, K, Y = 17, 5, 3


def test_the_area_is_the_mean_height_by_trapezoids() -> None:
    outputs = np.array([[1.0, 0.5, 0.25], [0.0, 1.0, 1.0]])
    np.testing.assert_allclose(perturbation.curve_area(outputs), [(0.75 + 0.375) / 2, 0.75])
    with pytest.raises(ValueError, match="two points"):
        perturbation.curve_area(np.ones(1))


def test_accuracy_at_n_effective_concepts_is_that_of_standardised_scores() -> None:
    rng = np.random.default_rng(1)
    spread = np.array([0.01, 3.0, 1.0, 0.2, 30.0])
    head = Head(rng.normal(size=(Y, K)) / spread, rng.normal(size=Y))
    fitted_to = rng.normal(size=(40, K)) * spread + 5 * spread
    scores, classes = rng.normal(size=(N, K)) * spread + 5 * spread, rng.integers(0, Y, N)
    sizes = [0, 1, 2, K, K + 3]
    found = perturbation.accuracy_by_effective_concepts(
        head, scores, classes, sizes=sizes, fitted_to=fitted_to
    )
    mean, deviation = fitted_to.mean(0), fitted_to.std(0)
    standard = (scores - mean) / deviation
    for n, measure in zip(sizes, found, strict=True):
        weight, bias = head.weight * deviation, head.bias + head.weight @ mean
        for y in range(Y):
            for k in sorted(range(K), key=lambda k: abs(weight[y, k]))[: max(K - n, 0)]:
                weight[y, k] = 0
        right = [
            int(slow.logits(weight, bias, row).argmax() == c)
            for row, c in zip(standard, classes, strict=True)
        ]
        assert measure.value == pytest.approx(np.mean(right))
        assert measure.chance == np.bincount(classes).max() / N
    none = perturbation.accuracy_by_effective_concepts(
        head, scores[:0], classes[:0], sizes=[1], fitted_to=fitted_to
    )
    assert none[0].n == 0
    assert math.isnan(none[0].value)
    with pytest.raises(ValueError, match="0 or more"):
        perturbation.keep_strongest(head, deviation, n=-1)


def test_scores_in_other_units_keep_the_same_concepts_and_accuracy() -> None:
    """A head over scores in thousandths is the same head; ranked by raw weights it was another."""
    rng = np.random.default_rng(2)
    classes = rng.integers(0, Y, 300)
    scores = rng.random((300, 8))
    scores[:, :Y] += 2.0 * np.eye(Y)[classes]
    head = Head(np.hstack([4 * np.eye(Y), 0.1 * rng.normal(size=(Y, 5))]), np.zeros(Y))
    units = np.array([1.0, 1.0, 1.0, 1e-3, 1e-3, 1e-3, 1e-3, 1e-3])
    other = Head(head.weight / units, head.bias)

    def accuracy(h: Head, s: np.ndarray) -> float:
        (one,) = perturbation.accuracy_by_effective_concepts(h, s, classes, sizes=[1], fitted_to=s)
        return one.value

    assert accuracy(head, scores) > 0.95
    assert accuracy(other, scores * units) == accuracy(head, scores)
