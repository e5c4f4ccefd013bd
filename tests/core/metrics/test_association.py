"""Areas under the curve and overlaps with masks, against sklearn and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import reference
from sklearn.metrics import roc_auc_score

from core.metrics.association import area_matched_overlap, auc, one_hot

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
    found = area_matched_overlap(codes, covered, n_tokens=12).iou
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
    found = area_matched_overlap(np.array(codes)[:, None], mask, n_tokens=5)
    assert found.iou[0, 0] == pytest.approx(expected)


def test_iou_is_unknown_below_one_token_of_mask() -> None:
    found = area_matched_overlap(np.ones((4, 2)), np.full((4, 1), 0.1), n_tokens=4)
    assert np.isnan([found.iou, found.chance, found.best, found.place]).all()


def test_iou_of_no_tokens_is_unknown() -> None:
    found = area_matched_overlap(np.zeros((0, K)), np.zeros((0, L)), n_tokens=4)
    assert np.isnan([found.iou, found.chance, found.best, found.place]).all()


def test_one_shuffle_in_a_hundred_is_beyond_chance(rng: np.random.Generator) -> None:
    """Or fewer: a bound that holds for few tokens too is wide for them."""
    codes, covered = _world(rng)
    found = area_matched_overlap(codes, covered, n_tokens=16)
    shuffled = [
        area_matched_overlap(_shuffled(codes, rng), covered, n_tokens=16) for _ in range(500)
    ]
    beyond = np.mean([one.iou > found.chance for one in shuffled], axis=0)
    assert (beyond <= 0.025).all()
    assert 0.001 < beyond.mean() < 0.012
    for one in shuffled[:3]:
        np.testing.assert_allclose(one.chance, found.chance)
        np.testing.assert_allclose(one.best, found.best)


def test_few_tokens_are_not_in_place_by_luck(rng: np.random.Generator) -> None:
    """Maps of three tokens in all, a mask on a twentieth: one hit is luck, and no name."""
    covered = np.zeros((20, 40, 1))
    covered[:, :2] = 1
    codes = np.zeros((800, 400))
    for k in range(400):
        codes[rng.choice(800, 3, replace=False), k] = 1
    found = area_matched_overlap(codes, covered.reshape(-1, 1), n_tokens=40)
    assert (found.iou > 0).mean() > 0.1
    assert (found.place >= 0.04).mean() <= 0.012


def test_best_is_every_image_s_tokens_on_its_most_covered_ones(rng: np.random.Generator) -> None:
    codes, covered = _world(rng)
    found = area_matched_overlap(codes, covered, n_tokens=16)
    for j in range(covered.shape[1]):
        area = covered[:, j].sum()
        for k in range(codes.shape[1]):
            ranked = sorted(range(len(codes)), key=lambda i: (-codes[i, k], i))[: round(area)]
            on = [i for i in ranked if codes[i, k] > 0]
            hit = 0.0
            for image in range(len(codes) // 16):
                n = sum(i // 16 == image for i in on)
                hit += sum(sorted(covered[16 * image : 16 * image + 16, j])[16 - n :])
            assert found.best[k, j] == pytest.approx(hit / (len(on) + area - hit))
    assert (found.place <= 1 + 1e-12).all()


def test_knowing_the_image_earns_nothing_and_the_place_does(rng: np.random.Generator) -> None:
    """A part on a third of each image that one image in five shows: of a map that fires there
    anywhere the IoU is far above that of as many tokens at random, and its place is not."""
    shown = rng.random(300) < 0.2
    mask = np.zeros((300, 30))
    mask[shown, :10] = 1
    strength = rng.random((300, 30)) * shown[:, None]
    anywhere, there = strength.ravel(), (strength * (mask + 0.01)).ravel()
    found = area_matched_overlap(
        np.stack([anywhere, there], axis=1), mask.reshape(-1, 1), n_tokens=30
    )
    share = mask.mean()
    assert found.iou[0, 0] > share / (2 - share) + 0.1
    assert found.place[0, 0] < 0.04 < 0.9 < found.place[1, 0]


def test_a_mask_that_fills_its_images_says_nothing_of_place(rng: np.random.Generator) -> None:
    mask = np.repeat(rng.random(20) < 0.5, 8).astype(float)[:, None]
    found = area_matched_overlap(rng.random((160, 1)) * mask, mask, n_tokens=8)
    assert found.iou[0, 0] == pytest.approx(1)
    assert found.chance[0, 0] == pytest.approx(1)
    assert np.isnan(found.place[0, 0])


def _world(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """40 images of 16 tokens, four maps, three masks of different sizes."""
    covered = rng.random((40, 16, 3)) * (rng.random((40, 1, 3)) < 0.6) * np.array([0.2, 0.6, 1])
    codes = np.maximum(rng.normal(size=(40, 16, 4)) + rng.normal(size=(40, 1, 4)), 0)
    codes[..., 0] += covered[..., 0]
    return codes.reshape(-1, 4), covered.reshape(-1, 3)


def _shuffled(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    order = rng.permuted(np.tile(np.arange(16), (40, 1)), axis=1)
    by_image = codes.reshape(40, 16, -1)
    return np.take_along_axis(by_image, order[..., None], axis=1).reshape(codes.shape)
