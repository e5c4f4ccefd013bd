"""A diverse subset: against determinants, bounded, and without repetitions."""

from __future__ import annotations

import numpy as np
import pytest

from core import diverse


def greedy_twin(quality: np.ndarray, vectors: np.ndarray, most: int) -> list[int]:
    """The next index is that of the largest determinant of the chosen block."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    kernel = np.outer(quality, quality) * (unit @ unit.T)
    picked: list[int] = []
    for _ in range(most):
        left = [i for i in range(len(quality)) if i not in picked]
        blocks = [np.linalg.det(kernel[np.ix_([*picked, i], [*picked, i])]) for i in left]
        picked.append(left[int(np.argmax(blocks))])
    return picked


def test_picks_equal_the_greedy_determinants() -> None:
    rng = np.random.default_rng(0)
    quality, vectors = rng.random(9) + 0.1, rng.normal(size=(9, 14))
    found = diverse.pick(quality, vectors, most=6)
    assert found.tolist() == greedy_twin(quality, vectors, 6)


def test_orthogonal_concepts_come_by_quality() -> None:
    quality = np.array([0.2, 0.9, 0.5])
    assert diverse.pick(quality, np.eye(3)).tolist() == [1, 2, 0]


def test_a_repetition_is_never_picked() -> None:
    vectors = np.array([[1.0, 0, 0], [3.0, 0, 0], [0, 1.0, 1.0]])
    assert diverse.pick(np.array([0.9, 0.8, 0.1]), vectors).tolist() == [0, 2]


def test_never_more_than_asked_and_never_more_than_the_limit() -> None:
    rng = np.random.default_rng(1)
    quality, vectors = rng.random(90) + 0.5, rng.normal(size=(90, 200))
    found = diverse.pick(quality, vectors)
    assert len(found) == len(set(found.tolist())) == diverse.MOST == 32
    assert len(diverse.pick(quality, vectors, most=3)) == 3
    for most in (0, 33):
        with pytest.raises(ValueError, match="1 to 32"):
            diverse.pick(quality, vectors, most=most)


def test_what_has_no_quality_is_left_out() -> None:
    assert diverse.pick(np.zeros(4), np.eye(4)).tolist() == []
    assert diverse.pick(np.array([0.0, 1.0]), np.eye(2)).tolist() == [1]
    # silent on all images: no direction, but a share of its own
    assert diverse.pick(np.array([0.5, 1.0]), np.array([[0.0, 0], [0, 2]])).tolist() == [1, 0]
    with pytest.raises(ValueError, match="negative"):
        diverse.pick(np.array([-1.0, 1]), np.eye(2))
