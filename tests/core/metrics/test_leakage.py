"""Leakage between concepts, and how much of the task concepts carry."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.metrics import leakage


def labelled(n: int, seed: int) -> np.ndarray:
    """Three concepts; the third is mostly present where the first is absent."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((n, 3)) < 0.5).astype(float)
    follow = rng.random(n) < 0.5
    labels[follow, 2] = 1 - labels[follow, 0]
    return labels


def splits(leak: float, noise: float) -> tuple[leakage.Split, leakage.Split]:
    out = []
    for n, seed in ((150, 1), (120, 2)):
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
    )
    # noise tells nothing of any concept, its own included, so that labels shuffle nothing away
    assert noise.oracle.value == pytest.approx(noise.oracle.chance, abs=0.15)
    assert noise.niche.value == pytest.approx(noise.niche.chance, abs=0.08)
    assert noise.niche.value == pytest.approx(0.5, abs=0.08)


@pytest.mark.parametrize("seed", range(3))
def test_chance_is_that_of_scores_which_are_as_right_and_do_not_leak(seed: int) -> None:
    """Independent scores of labels that go together: 0.5 would call them leaky, OIS 0 impure."""
    parts = []
    for n, own in ((400, seed), (300, seed + 10)):
        rng = np.random.default_rng(own)
        common = rng.normal(size=(n, 1))
        labels = (0.84 * common + 0.55 * rng.normal(size=(n, 6)) > 0).astype(float)
        scores = labels + 0.9 * rng.normal(size=labels.shape)
        parts.append(leakage.Split(scores, labels))
    found = leakage.impurity(*parts)
    assert found.niche.value > 0.55
    assert found.niche.value == pytest.approx(found.niche.chance, abs=0.04)
    assert found.oracle.value == pytest.approx(found.oracle.chance, abs=0.06)
    assert found.oracle.value > 0.1


def test_independent_scores_tell_their_own_label_as_well() -> None:
    rng = np.random.default_rng(0)
    labels = (rng.random((80, 2)) < 0.4).astype(float)
    labels[:, 1] = labels[:, 0]
    scores = labels + rng.normal(size=(80, 1))
    found = leakage.independent(scores, labels, seed=0)
    for j in range(2):
        for label in (0, 1):
            mine = labels[:, j] == label
            np.testing.assert_array_equal(np.sort(found[mine, j]), np.sort(scores[mine, j]))
    within = labels[:, 0] == 0
    assert abs(np.corrcoef(found[within].T)[0, 1]) < 0.3 < np.corrcoef(scores[within].T)[0, 1]


def test_a_score_that_tells_of_another_concept_is_found_impure() -> None:
    clean, leaking = leakage.impurity(*splits(0, 0.1)), leakage.impurity(*splits(0.3, 0.1))
    assert leaking.purity[0, 1] > clean.purity[0, 1] + 0.2
    assert leaking.oracle.value > clean.oracle.value + 0.05


def test_concepts_spread_thinly_over_all_scores_leak() -> None:
    """No single score goes with a concept, but all of them together tell it."""
    mixing = np.linalg.qr(np.random.default_rng(8).normal(size=(4, 4)))[0]
    clean, mixed = [], []
    for n, seed in ((150, 4), (120, 5)):
        labels = (np.random.default_rng(seed).random((n, 4)) < 0.5).astype(float)
        noise = 0.1 * np.random.default_rng(seed + 3).normal(size=labels.shape)
        clean.append(leakage.Split(labels + noise, labels))
        mixed.append(leakage.Split(labels @ mixing + noise, labels))
    leaky, pure = leakage.impurity(*mixed), leakage.impurity(*clean)
    assert leaky.niche.value > pure.niche.value + 0.1
    assert leaky.niche.value > leaky.niche.chance + 0.1
    assert abs(pure.niche.value - pure.niche.chance) < 0.1


def test_a_curved_dependence_is_found_too() -> None:
    """Concept 1 is present at both ends of score 0: no monotone reader could tell."""
    parts = []
    for n, seed in ((400, 6), (300, 7)):
        x = np.random.default_rng(seed).uniform(-1, 1, (n, 2))
        labels = np.stack([x[:, 0] > 0, np.abs(x[:, 0]) > 0.5], 1).astype(float)
        parts.append(leakage.Split(x, labels))
    found = leakage.impurity(*parts)
    assert found.purity[0, 1] > 0.95
    assert abs(found.purity[1, 0] - 0.5) < 0.12


def test_concepts_of_one_kind_and_unknown_labels_are_left_out() -> None:
    train, test = splits(0, 0.1)
    test.labels[:, 1] = 1
    train.labels[:5, 2] = np.nan
    assert leakage.impurity(train, test, n_steps=5).concepts.tolist() == [0, 2]
    test.labels[:, 2] = 0
    with pytest.raises(ValueError, match="1 concepts have images of both kinds"):
        leakage.impurity(train, test)


def test_completeness_is_the_share_of_accuracy_above_chance() -> None:
    assert leakage.completeness(0.7, 0.9, chance=0.5) == pytest.approx(0.5)
    assert math.isnan(leakage.completeness(0.7, 0.5, chance=0.5))
