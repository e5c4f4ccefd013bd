"""Taking a concept out of an image's vector, or putting it in: what falls, rises, and stays."""

from __future__ import annotations

import numpy as np
import pytest

from core.naming import text_edits

WIDTH = 13


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


@pytest.fixture
def vectors() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images, words, classes: each class shows two words of its own."""
    rng = np.random.default_rng(6)
    axes = np.linalg.qr(rng.normal(size=(WIDTH, WIDTH)))[0]
    words, gap = axes[:6], axes[6]
    shows = np.kron(np.eye(3), np.ones((1, 2)))  # y x 6
    species = rng.integers(3, size=90)
    amount = shows[species] + 0.1 * rng.normal(size=(90, 6))
    images = unit(amount @ words + gap)
    return images, unit(words - gap), unit(shows @ words - gap)


def test_ablation_takes_the_concept_and_little_else(
    vectors: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    images, words, classes = vectors
    mean = images.mean(0)
    axis = text_edits.directions(words)[1]
    has = text_edits.code(images, axis, mean=mean) > 0.2
    found = text_edits.effect(images[has], words, 1, mean=mean, classes=classes)
    assert found.n == has.sum()
    assert found.own < -0.2
    assert found.own_text < -0.1
    assert found.others < -found.own / 3
    assert found.others_text < -found.own_text / 3
    after = text_edits.edit(images, axis, mean=mean)
    np.testing.assert_allclose(np.linalg.norm(after, axis=1), 1)


def test_edit_sets_the_code_before_the_length(
    vectors: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    images, words, _ = vectors
    mean = images.mean(0)
    axis = text_edits.directions(words)[4]
    after = text_edits.edit(images, axis, mean=mean, level=0.7)
    for row, made in zip(images, after, strict=True):
        moved = row + (0.7 - (row - mean) @ axis) * axis
        assert (moved - mean) @ axis == pytest.approx(0.7)
        np.testing.assert_allclose(made, unit(moved))


def test_insertion_brings_the_classes_that_show_the_concept_forward(
    vectors: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    images, words, classes = vectors
    mean = images.mean(0)
    axis = text_edits.directions(words)[2]  # of class 1
    lacks = text_edits.ranking(images, classes)[:, 0] != 1
    after = text_edits.edit(images[lacks], axis, mean=mean, level=1.0)
    before_place = (text_edits.ranking(images[lacks], classes) == 1).argmax(1)
    after_place = (text_edits.ranking(after, classes) == 1).argmax(1)
    assert (after_place <= before_place).all()
    found = text_edits.effect(images[lacks], words, 2, mean=mean, level=1.0, classes=classes)
    assert found.own > 0.3
    assert found.own_text > 0.2
    assert found.top_changes == (after_place == 0).mean() > 0.8
    assert found.rank > 0.3


def test_edits_need_words_that_differ_and_images(
    vectors: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    images, words, _ = vectors
    with pytest.raises(ValueError, match="two or more that differ"):
        text_edits.directions(words[[0, 0]])
    with pytest.raises(ValueError, match="too few"):
        text_edits.effect(images[:0], words, 0, mean=images.mean(0))


def test_effect_without_classes_ranks_nothing(
    vectors: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    images, words, _ = vectors
    found = text_edits.effect(images, words, 0, mean=images.mean(0))
    assert np.isnan(found.rank)
    assert np.isnan(found.top_changes)
