"""Perturbation, effective concepts and leakage."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import reference_cbm as slow

from core.metrics import leakage, perturbation
from core.types import Head

N, K, Y = 17, 5, 3


def test_the_area_is_the_mean_height_by_trapezoids() -> None:
    outputs = np.array([[1.0, 0.5, 0.25], [0.0, 1.0, 1.0]])
    np.testing.assert_allclose(perturbation.curve_area(outputs), [(0.75 + 0.375) / 2, 0.75])
    with pytest.raises(ValueError, match="two points"):
        perturbation.curve_area(np.ones(1))


def test_a_linear_logit_removed_in_every_order_averages_to_the_straight_line() -> None:
    parts = np.array([2.0, -1.0, 0.5, 3.0])
    areas = []
    for order in itertools.permutations(parts):
        outputs = parts.sum() - np.concatenate([[0], np.cumsum(order)])
        areas.append(perturbation.curve_area(outputs))
    assert np.mean(areas) == pytest.approx(perturbation.straight_area(outputs))


def test_drop_gain_and_increase() -> None:
    found = perturbation.confidence_change(
        np.array([0.5, 0.5, 0.0, 1.0]), np.array([0.4, 0.75, 0.2, 1.0])
    )
    np.testing.assert_allclose(found.drop, [0.2, 0, np.nan, 0])
    np.testing.assert_allclose(found.gain, [0, 0.5, 0.2, np.nan])
    np.testing.assert_array_equal(found.increase, [0, 1, 1, 0])


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
        assert perturbation.effective_concepts(weight) == min(n, K)
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


def labelled(n: int, seed: int) -> np.ndarray:
    """Three concepts; the third is mostly present where the first is absent."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, 3)) < 0.5).astype(float)
    follow = rng.random(n) < 0.5
    labels[follow, 2] = 1 - labels[follow, 0]
    return labels


def splits(leak: float, noise: float) -> tuple[leakage.Split, leakage.Split]:
    out = []
    for n, seed in ((240, 1), (160, 2)):
        labels = labelled(n, seed)
        scores = labels + noise * np.random.default_rng(seed + 9).normal(size=labels.shape)
        scores[:, 0] += leak * labels[:, 1]
        out.append(leakage.Split(scores, labels))
    return out[0], out[1]


def test_scores_that_are_the_labels_are_pure_and_noise_is_as_bad_as_chance() -> None:
    found = leakage.impurity(*splits(0, 0))
    np.testing.assert_allclose(np.diag(found.purity), 1)
    assert found.oracle.value < 0.06
    assert found.reference[0, 2] > 0.65
    assert found.niche.value < 0.7
    train, test = splits(0, 0)
    rng = np.random.default_rng(3)
    noise = leakage.impurity(
        leakage.Split(rng.normal(size=train.scores.shape), train.labels),
        leakage.Split(rng.normal(size=test.scores.shape), test.labels),
        max_iter=40,
    )
    assert noise.oracle.value == pytest.approx(noise.oracle.chance, abs=0.15)
    assert noise.niche.value == pytest.approx(0.5, abs=0.08)


def test_a_score_that_tells_of_another_concept_is_found_impure() -> None:
    clean, leaking = leakage.impurity(*splits(0, 0.1)), leakage.impurity(*splits(0.3, 0.1))
    assert leaking.purity[0, 1] > clean.purity[0, 1] + 0.2
    assert leaking.oracle.value > clean.oracle.value + 0.05


def test_concepts_of_one_kind_and_unknown_labels_are_left_out() -> None:
    train, test = splits(0, 0.1)
    test.labels[:, 1] = 1
    train.labels[:5, 2] = np.nan
    assert leakage.impurity(train, test, max_iter=5).concepts.tolist() == [0, 2]
    test.labels[:, 2] = 0
    with pytest.raises(ValueError, match="1 concepts have images of both kinds"):
        leakage.impurity(train, test)


def test_completeness_is_the_share_of_accuracy_above_chance() -> None:
    assert leakage.completeness(0.7, 0.9, chance=0.5) == pytest.approx(0.5)
    assert math.isnan(leakage.completeness(0.7, 0.5, chance=0.5))
