"""CGIM and CEM against slow twins, and their chance levels."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import reference_cbm as slow

from core.metrics import cgim, existence

N, K, Y = 23, 5, 4


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def weight(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(Y, K))


@pytest.fixture
def scores(rng: np.random.Generator) -> np.ndarray:
    return rng.normal(size=(N, K))


@pytest.fixture
def labels(rng: np.random.Generator) -> np.ndarray:
    return (rng.random((N, K)) < 0.4).astype(float)


def test_cgim_equals_its_definition_and_drops_classes_without_a_correct_image(
    weight: np.ndarray, scores: np.ndarray, labels: np.ndarray, rng: np.random.Generator
) -> None:
    classes = rng.integers(0, Y, N)
    predicted = np.where(classes == 2, 0, classes)
    predicted[0] = (classes[0] + 1) % Y
    v = cgim.presence(labels, classes, n_classes=Y)
    found = cgim.cgim(weight, scores, classes=classes, predicted=predicted, shown=v)
    expected, dropped = slow.cgim(weight, scores, classes, predicted, v)
    assert found.dropped.tolist() == dropped == [2]
    assert found.n_classes == 3
    for i, part in enumerate((found.weights, found.scores, found.products)):
        np.testing.assert_allclose(part.cosine, expected[:, i], rtol=1e-12)
    kept = [0, 1, 3]
    np.testing.assert_allclose(
        found.weights.pearson,
        [slow.pearson(list(weight[kept, j]), list(v[kept, j])) for j in range(K)],
    )


def test_chance_of_a_cosine_is_its_mean_over_all_orders_of_the_classes() -> None:
    rng = np.random.default_rng(1)
    a, v = rng.random((Y, 2)), rng.random((Y, 2))
    found = cgim.agreement(a, v)
    for j in range(2):
        tried = [slow.cosine(list(a[:, j]), list(p)) for p in itertools.permutations(v[:, j])]
        assert found.chance[j] == pytest.approx(np.mean(tried), rel=1e-12)


def test_a_row_that_is_positive_everywhere_wins_the_cosine_but_not_the_correlation() -> None:
    flat = cgim.agreement(np.full((Y, 1), 3.7), np.array([[0.9], [0.8], [0.9], [0.7]]))
    assert flat.cosine[0] > 0.99
    assert flat.chance[0] == pytest.approx(flat.cosine[0])
    assert math.isnan(flat.pearson[0])


def test_presence_by_frequency_and_by_majority() -> None:
    labels = np.array([[1, 0], [1, np.nan], [0, 1], [0, 1.0]])
    classes = np.array([0, 0, 0, 1])
    share = cgim.presence(labels, classes, n_classes=3)
    np.testing.assert_allclose(share, [[2 / 3, 1 / 2], [0, 1], [np.nan, np.nan]])
    binary = cgim.presence(labels, classes, n_classes=3, definition="majority")
    np.testing.assert_array_equal(binary, [[1, 1], [0, 1], [np.nan, np.nan]])
    with pytest.raises(ValueError, match="choose from frequency, majority"):
        cgim.presence(labels, classes, n_classes=3, definition="mode")


def test_no_correct_image_at_all_gives_no_number(
    weight: np.ndarray, scores: np.ndarray, labels: np.ndarray
) -> None:
    classes = np.arange(N) % Y
    v = cgim.presence(labels, classes, n_classes=Y)
    found = cgim.cgim(weight, scores, classes=classes, predicted=(classes + 1) % Y, shown=v)
    assert found.n_classes == 0
    assert found.dropped.tolist() == [0, 1, 2, 3]
    assert np.isnan(found.weights.cosine).all()
    assert np.isnan(found.products.pearson).all()


@pytest.mark.parametrize("length", [1, 3, 5])
def test_cem_equals_its_definition(
    weight: np.ndarray, scores: np.ndarray, labels: np.ndarray, length: int
) -> None:
    labels[np.random.default_rng(8).random((N, K)) < 0.3] = np.nan
    labels[0], labels[3] = [1, 0, 0, 1, 0], np.nan
    predicted = np.arange(N) % Y
    found = existence.cem(weight, scores, labels, predicted=predicted, length=length)
    expected = [slow.cem(weight, scores[i], labels[i], int(predicted[i]), length) for i in range(N)]
    np.testing.assert_allclose(found.value, expected)
    known = labels[0]
    assert found.chance[0] == known.mean()


def test_chance_of_cem_is_its_mean_over_random_orders(labels: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    means = [
        existence.cem(
            np.ones((1, K)), rng.normal(size=(N, K)), labels, predicted=np.zeros(N, int), length=2
        )
        for _ in range(400)
    ]
    drawn = np.mean([m.value.mean() for m in means])
    assert drawn == pytest.approx(means[0].chance.mean(), abs=0.02)


def test_double_negatives_are_told_apart_from_positive_evidence() -> None:
    weight = np.array([[2.0, -3.0, 1.0, -1.0]])
    scores = np.array([[1.0, -1.0, 1.0, 2.0]])  # contributions 2, 3, 1, -2
    labels = np.array([[1.0, 0.0, 0.0, 1.0]])
    found = existence.cem(weight, scores, labels, predicted=np.array([0]), length=3)
    assert found.value[0] == pytest.approx(1 / 3)
    assert (found.n_double[0], found.present_double[0]) == (1, 0)
    assert (found.n_positive[0], found.present_positive[0]) == (2, 1)
    parts = existence.summary(found)
    assert parts["positive evidence"] == (0.5, 0.5, 2)
    assert parts["double negative"] == (0.0, 0.5, 1)
    assert parts["all"].n == 1
    none = existence.summary(found, np.array([], dtype=int))
    assert none["all"].n == 0
    assert math.isnan(none["double negative"].value)


def test_more_slots_than_concepts_are_refused(weight: np.ndarray, scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"choose 1\.\.5"):
        existence.cem(weight, scores, scores, predicted=np.zeros(N, int), length=6)
