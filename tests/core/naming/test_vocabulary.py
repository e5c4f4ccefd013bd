"""Concepts are placed among words, named after the nearest, and left unnamed where that is luck."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import Float
from scipy.sparse import csc_array

from core.naming import vocabulary
from core.naming.labels import agreement

N, K, E, V = 240, 11, 41, 29
RNG = np.random.default_rng(4)
AXES = np.linalg.qr(RNG.standard_normal((E, E)))[0]
MEANING, COMMON = AXES[:K], AXES[K]
"""what images and words have in common: one axis a concept; and what all images have"""
GAP = 3 * RNG.standard_normal(E)
"""where words lie apart from images"""


def unit(rows: np.ndarray) -> Float[np.ndarray, "m e"]:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def world() -> tuple[csc_array, Float[np.ndarray, "n e"], Float[np.ndarray, "v e"]]:
    """Scores, images and words; word 2 k + 1 means concept k, the others nothing."""
    rng = np.random.default_rng(9)
    shown = (rng.random((N, K)) < 0.2) * rng.uniform(0.5, 1, (N, K))
    images = unit(3 * COMMON + 2 * shown @ MEANING + 0.1 * rng.standard_normal((N, E)))
    words = 0.4 * rng.standard_normal((V, E))
    words[1 : 2 * K : 2] = MEANING
    return csc_array(shown), images, unit(words + GAP)


def test_planted_words_are_found_through_the_images() -> None:
    scores, images, words = world()
    placed = vocabulary.by_images(scores, images, seed=0)
    found = vocabulary.name(placed.vectors, placed.control, words)
    assert placed.how == "images"
    assert found.best[:, 0].tolist() == list(range(1, 2 * K, 2))
    assert found.named.all()
    assert found.cosine[:, 0].min() > found.chance + 0.1
    active = (scores.toarray() > 0).sum(0)
    assert placed.n.tolist() == np.minimum(active, 48).tolist()  # at most a fifth of 240 images
    assert active.min() < 48 < active.max()


def test_planted_words_are_found_through_directions_that_hold_the_mean() -> None:
    _, images, words = world()
    mean = images.mean(0)
    placed = vocabulary.by_direction(0.3 * MEANING + 5 * mean, images, seed=0)
    found = vocabulary.name(placed.vectors, placed.control, words)
    assert found.best[:, 0].tolist() == list(range(1, 2 * K, 2))
    assert found.named.all()
    assert (placed.n == 0).all()
    assert np.abs(placed.vectors @ mean).max() < 1e-9


def test_place_is_the_weighted_mean_of_the_strongest_images() -> None:
    scores, images, _ = world()
    placed = vocabulary.by_images(scores, images, seed=0)
    for k, vector in zip(placed.concept, placed.vectors, strict=True):
        own = scores.toarray()[:, k]
        top = [i for i in np.argsort(-own)[:48] if own[i] > 0]
        slow = np.sum([own[i] * images[i] for i in top], axis=0) / own[top].sum() - images.mean(0)
        np.testing.assert_allclose(vector, slow, atol=1e-12)


def test_cosines_margin_and_runner_up_are_of_centred_words() -> None:
    _, _, words = world()
    vectors = np.random.default_rng(1).standard_normal((3, E))
    found = vocabulary.name(vectors, vectors, words)
    centred = unit(words - words.mean(0))
    for i in range(3):
        cosine = [float(v @ vectors[i] / np.linalg.norm(vectors[i])) for v in centred]
        order = sorted(range(V), key=lambda j: -cosine[j])[:5]
        assert found.best[i].tolist() == order
        np.testing.assert_allclose(found.cosine[i], [cosine[j] for j in order])
        assert found.margin[i] == pytest.approx(cosine[order[0]] - cosine[order[1]])


def test_meaningless_concepts_stay_unnamed_about_19_times_in_20() -> None:
    _, images, words = world()
    noise = csc_array(np.random.default_rng(3).random((N, 300)))
    placed = vocabulary.by_images(noise, images, seed=0)
    found = vocabulary.name(placed.vectors, placed.control, words, min_margin=0.0)
    assert 0.01 < found.named.mean() < 0.1
    assert found.control_named == pytest.approx(0.05, abs=0.006)


def test_near_synonyms_leave_a_concept_unnamed() -> None:
    scores, images, words = world()
    words = np.concatenate([words, words[3:4] + 1e-5])
    placed = vocabulary.by_images(scores, images, seed=0)
    found = vocabulary.name(placed.vectors, placed.control, words)
    assert found.named.tolist() == [k != 1 for k in range(K)]
    assert set(found.best[1, :2].tolist()) == {3, V}
    assert vocabulary.name(placed.vectors, placed.control, words, min_margin=0.0).named.all()


def test_concept_of_too_few_images_has_no_place() -> None:
    scores = np.zeros((N, 4))
    scores[:4, 0], scores[:5, 1], scores[:, 2] = 1.0, 1.0, -1.0
    placed = vocabulary.by_images(csc_array(scores), world()[1], seed=0)
    assert (placed.concept.tolist(), placed.n.tolist()) == ([1], [5])


def test_where_no_concept_has_a_place_the_reason_is_said() -> None:
    _, images, words = world()
    placed = vocabulary.by_images(csc_array(np.zeros((N, 3))), images, seed=0)
    with pytest.raises(ValueError, match="no concept is active on 5 train images"):
        vocabulary.name(placed.vectors, placed.control, words)


@pytest.mark.parametrize("n", [0, 1])
def test_a_name_needs_a_second_best(n: int) -> None:
    _, _, words = world()
    with pytest.raises(ValueError, match="give two or more"):
        vocabulary.name(words, words, words[:n])


def test_direction_of_length_zero_has_no_place() -> None:
    directions = np.stack([np.zeros(E), MEANING[2]])
    assert vocabulary.by_direction(directions, world()[1], seed=0).concept.tolist() == [1]


def test_words_that_are_read_alike_are_twins() -> None:
    words = ["red", "Red", "crimson", "RED", "Blue"]
    vectors = np.eye(5, 6)
    vectors[1], vectors[2] = vectors[0], vectors[0]
    assert vocabulary.read_alike(words, vectors) == {1: 0}  # other words, or read otherwise


@pytest.mark.parametrize(
    ("label", "word", "same"),
    [
        ("beak colour: red", "Red beak", True),
        ("wing_bar", "wing", True),
        ("wing", "wing bar", False),
        ("red", "reddish", False),
        ("red", "?", False),
    ],
)
def test_word_agrees_when_the_label_holds_all_of_it(label: str, word: str, same: bool) -> None:
    assert agreement([label], [word])[0] == same


def test_chance_of_agreement_is_that_of_dealing_the_words_out() -> None:
    labels, words = ["red", "blue", "red", "wing"], ["red", "red", "blue", "wing"]
    value, chance = agreement(labels, words)
    rng = np.random.default_rng(0)
    dealt = [agreement(labels, list(rng.permutation(words)))[0] for _ in range(4000)]
    assert value == 0.5
    assert chance == pytest.approx(np.mean(dealt), abs=0.01)
    assert all(np.isnan(agreement([], [])))
