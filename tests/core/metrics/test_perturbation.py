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


def test_accuracy_at_n_effective_concepts_keeps_the_strongest_weights() -> None:
    rng = np.random.default_rng(1)
    head = Head(rng.normal(size=(Y, K)), rng.normal(size=Y))
    scores, classes = rng.normal(size=(N, K)), rng.integers(0, Y, N)
    sizes = [0, 2, K, K + 3]
    found = perturbation.accuracy_by_effective_concepts(head, scores, classes, sizes=sizes)
    for n, measure in zip(sizes, found, strict=True):
        weight = head.weight.copy()
        for y in range(Y):
            for k in sorted(range(K), key=lambda k: abs(weight[y, k]))[: max(K - n, 0)]:
                weight[y, k] = 0
        right = [
            int(slow.logits(weight, head.bias, row).argmax() == c)
            for row, c in zip(scores, classes, strict=True)
        ]
        assert measure.value == pytest.approx(np.mean(right))
        assert measure.chance == np.bincount(classes).max() / N
    none = perturbation.accuracy_by_effective_concepts(head, scores[:0], classes[:0], sizes=[1])
    assert none[0].n == 0
    assert math.isnan(none[0].value)
    with pytest.raises(ValueError, match="0 or more"):
        perturbation.keep_strongest(head, n=-1)
