"""Areas under the curve and overlaps with masks, against sklearn and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from sklearn.metrics import roc_auc_score

from core.metrics.association import area_matched_iou, auc, one_hot

N, K, L = 37, 5, 6


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_auc_equals_sklearn_with_ties_and_unknowns(rng: np.random.Generator) -> None:
    scores = rng.normal(size=(N, K)).round(0)  # many ties
    labels = (rng.random((N, L)) < 0.4).astype(float)
    labels[rng.random((N, L)) < 0.2] = np.nan
    labels[:, 1] = np.where(labels[:, 0] == 1, 0.0, 1.0)  # another pattern of unknowns
    found = auc(scores, labels)
    for k in range(K):
        for j in range(L):
            known = ~np.isnan(labels[:, j])
            expected = roc_auc_score(labels[known, j], scores[known, k])
            assert found[k, j] == pytest.approx(expected, abs=1e-12)
            assert found[k, j] == pytest.approx(
                reference.auc(scores[:, k], labels[:, j]), abs=1e-12
            )


def test_auc_is_unknown_where_a_label_has_one_kind(rng: np.random.Generator) -> None:
    labels = np.stack([np.zeros(N), np.ones(N), np.full(N, np.nan), np.arange(N) % 2.0], axis=1)
    found = auc(rng.normal(size=(N, K)), labels)
    assert np.isnan(found[:, :3]).all()
    assert np.isfinite(found[:, 3]).all()


def test_auc_of_no_images_is_unknown() -> None:
    assert np.isnan(auc(np.zeros((0, K)), np.zeros((0, L)))).all()


@pytest.mark.parametrize(("sign", "expected"), [(1, 1.0), (-1, 0.0), (0, 0.5)])
def test_auc_of_perfect_inverted_and_constant_scores(sign: int, expected: float) -> None:
    label = (np.arange(N) % 3 == 0).astype(float)[:, None]
    assert auc(sign * label, label)[0, 0] == expected


def test_one_hot_marks_the_class() -> None:
    assert one_hot(np.array([2, 0]), 4).tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]


def test_iou_equals_its_definition_written_out(rng: np.random.Generator) -> None:
    codes = rng.normal(size=(60, K)).round(1)  # signed, with ties
    codes[:, 1] = np.maximum(codes[:, 1] - 1, 0)  # few tokens on
    covered = np.clip(rng.normal(0, 0.7, (60, L)), 0, 1)
    found = area_matched_iou(codes, covered)
    for k in range(K):
        for j in range(L):
            expected = reference.area_matched_iou(codes[:, k], covered[:, j])
            assert found[k, j] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([3.0, 2, 0, 0, 0], 1.0),
        ([0.0] * 5, 0.0),
        ([0, 0, 1.0, 1, 0], 0.0),
        ([2.0, 0, 1, 0, 0], 1 / 3),
    ],
)
def test_iou_of_perfect_silent_disjoint_and_partial_maps(
    codes: list[float], expected: float
) -> None:
    mask = np.array([1.0, 1, 0, 0, 0])[:, None]
    assert area_matched_iou(np.array(codes)[:, None], mask)[0, 0] == pytest.approx(expected)


def test_iou_is_unknown_below_one_token_of_mask() -> None:
    assert np.isnan(area_matched_iou(np.ones((4, 2)), np.full((4, 1), 0.1))).all()


def test_iou_of_no_tokens_is_unknown() -> None:
    assert np.isnan(area_matched_iou(np.zeros((0, K)), np.zeros((0, L)))).all()
