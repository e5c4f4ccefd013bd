"""The head's arithmetic against slow twins written from its definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core import bottleneck
from core.types import Head

N, K, Y = 6, 5, 4


@pytest.fixture
def head() -> Head:
    rng = np.random.default_rng(3)
    return Head(weight=rng.normal(size=(Y, K)), bias=rng.normal(size=Y))


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(4).normal(size=(N, K))


def slow_logit(head: Head, row: np.ndarray, y: int) -> float:
    total = float(head.bias[y])
    for k in range(K):
        total += float(head.weight[y, k]) * float(row[k])
    return total


def test_logits_are_bias_plus_weighted_scores(head: Head, scores: np.ndarray) -> None:
    found = bottleneck.logits(head, scores)
    expected = [[slow_logit(head, row, y) for y in range(Y)] for row in scores]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(bottleneck.logits(head, scores[2]), expected[2], rtol=1e-12)


def test_single_precision_inputs_are_summed_in_double() -> None:
    row = np.array([1e8, 1.0, -1e8, 1.0, 1.0], np.float32)
    flat = Head(weight=np.ones((1, K), np.float32), bias=np.zeros(1, np.float32))
    assert bottleneck.logits(flat, row)[0] == 3.0


def test_unedited_residual_head_equals_the_backbone(head: Head, scores: np.ndarray) -> None:
    backbone = np.random.default_rng(5).normal(size=(N, Y))
    residual = Head(weight=head.weight, bias=head.bias, residual=True)
    rest = bottleneck.rest(residual, scores, backbone)
    np.testing.assert_allclose(bottleneck.logits(residual, scores, rest), backbone, atol=1e-12)


def test_rest_must_fit_the_kind_of_head(head: Head, scores: np.ndarray) -> None:
    residual = Head(weight=head.weight, bias=head.bias, residual=True)
    with pytest.raises(ValueError, match="pass `rest`"):
        bottleneck.logits(residual, scores)
    with pytest.raises(ValueError, match="no residual"):
        bottleneck.logits(head, scores, np.zeros((N, Y)))


def test_probabilities_sum_to_one_even_for_huge_logits() -> None:
    found = bottleneck.probabilities(np.array([[1000.0, 999.0, -1000.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert found[0, 0] == pytest.approx(1 / (1 + math.exp(-1)))
    np.testing.assert_allclose(found[1], 1 / 3)


def test_editing_nothing_changes_nothing(scores: np.ndarray) -> None:
    found = bottleneck.intervene(scores, {})
    np.testing.assert_array_equal(found, scores)
    assert found is not scores


def test_an_edit_sets_one_column_and_leaves_the_original(scores: np.ndarray) -> None:
    kept = scores.copy()
    found = bottleneck.intervene(scores, {3: 7.5})
    np.testing.assert_array_equal(scores, kept)
    np.testing.assert_array_equal(found[:, 3], 7.5)
    np.testing.assert_array_equal(np.delete(found, 3, 1), np.delete(kept, 3, 1))


@pytest.mark.parametrize("k", [-1, K])
def test_an_edit_of_no_concept_is_refused(scores: np.ndarray, k: int) -> None:
    with pytest.raises(IndexError, match=rf"no concept {k}: the scores have 0..4"):
        bottleneck.intervene(scores, {k: 0.0})


def test_an_edit_to_no_number_is_refused(scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite"):
        bottleneck.intervene(scores, {1: float("nan")})


def test_contributions_and_bias_sum_to_the_logit(head: Head, scores: np.ndarray) -> None:
    for y in range(Y):
        parts = bottleneck.contributions(head, scores, y)
        assert parts.shape == (N, K)
        np.testing.assert_allclose(
            parts.sum(axis=1) + head.bias[y], [slow_logit(head, row, y) for row in scores]
        )


def test_shifts_are_the_logits_after_minus_before(head: Head, scores: np.ndarray) -> None:
    edits = {4: 2.0, 1: -0.5}
    after = bottleneck.logits(head, bottleneck.intervene(scores, edits))
    found = bottleneck.shifts(head, scores, edits)
    np.testing.assert_allclose(found, after - bottleneck.logits(head, scores), atol=1e-12)
    np.testing.assert_array_equal(bottleneck.shifts(head, scores, {}), np.zeros((N, Y)))


def test_entropy_is_bits_and_margin_the_lead() -> None:
    p = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.2, 0.3, 0.5]])
    np.testing.assert_allclose(bottleneck.entropy(p)[:2], [1.5, 0.0])
    np.testing.assert_allclose(bottleneck.margin(p), [0.25, 1.0, 0.2])
    with pytest.raises(ValueError, match="two classes"):
        bottleneck.margin(np.ones((2, 1)))


def test_presets_are_none_where_the_store_knows_no_image() -> None:
    assert bottleneck.presets(0.5, float("nan")) == (0.5, None)
    assert bottleneck.presets(None, -2.0) == (None, -2.0)
