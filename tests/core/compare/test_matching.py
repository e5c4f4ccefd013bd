"""Concepts of two banks are paired off as they should be, on any grid, and shifts are found."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from core.compare import matching
from core.types import Box, Grid

WHOLE = Box(0.0, 0.0, 1.0, 1.0)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(4)


def test_correlations_are_numpys_and_0_where_nothing_varies(rng: np.random.Generator) -> None:
    left, right = rng.normal(5, 2, size=(40, 3)), rng.normal(size=(40, 4))
    left[:, 1] = 7.3
    found = matching.correlations(left, right)
    for i, j in itertools.product((0, 2), range(4)):
        assert found[i, j] == pytest.approx(np.corrcoef(left[:, i], right[:, j])[0, 1])
    assert (found[1] == 0).all()
    assert matching.paired(left, right[:, :3])[2] == pytest.approx(found[2, 2])


@pytest.mark.parametrize("constant", [7.3, 1e6 + 0.1, -1e8 / 3])
def test_a_large_constant_column_is_like_nothing(rng: np.random.Generator, constant: float) -> None:
    """Rows given as they are: sums of squares leave a constant a spread of its last digits."""
    left, right = rng.normal(size=(1000, 2)), rng.normal(size=(1000, 2))
    left[:, 1] = constant
    found = matching.Correlations(2, 2)
    for rows in np.array_split(np.arange(1000), 7):
        found.add(left[rows], right[rows])
    assert (found.value()[1] == 0).all()
    assert found.value()[0, 0] == pytest.approx(np.corrcoef(left[:, 0], right[:, 0])[0, 1])


def test_match_is_the_best_of_all_assignments(rng: np.random.Generator) -> None:
    likeness = rng.uniform(-1, 1, size=(3, 5))
    best = max(itertools.permutations(range(5), 3), key=lambda p: likeness[range(3), p].sum())
    found = matching.match(likeness)
    assert dict(zip(found.left.tolist(), found.right.tolist(), strict=True)) == dict(
        enumerate(best)
    )
    assert (np.diff(found.value) <= 0).all()
    np.testing.assert_array_equal(found.value, likeness[found.left, found.right])


def test_planted_permutation_is_recovered_and_strangers_stay_weak(
    rng: np.random.Generator,
) -> None:
    left = rng.exponential(size=(300, 6))
    order = np.array([4, 2, 0, 5, 1])
    right = 3 * left[:, order] + rng.normal(scale=0.3, size=(300, 5))
    right[:, 4] = rng.exponential(size=300)  # a concept of its own
    found = matching.match(matching.correlations(left, right))
    pairs = {
        (int(a), int(b))
        for a, b, v in zip(found.left, found.right, found.value, strict=True)
        if v >= 0.5
    }
    assert pairs == {(int(order[j]), j) for j in range(4)}


def test_resampling_keeps_the_mean_and_finds_the_place(rng: np.random.Generator) -> None:
    maps = rng.exponential(size=(2, 3 * 5))
    finer = matching.resampled(maps, Grid(3, 5), WHOLE, to_grid=Grid(6, 10), to_box=WHOLE)
    again = matching.resampled(finer, Grid(6, 10), WHOLE, to_grid=Grid(3, 5), to_box=WHOLE)
    np.testing.assert_allclose(again, maps)
    odd = matching.resampled(maps, Grid(3, 5), WHOLE, to_grid=Grid(2, 7), to_box=WHOLE)
    np.testing.assert_allclose(odd.mean(1), maps.mean(1))
    # a crop of the middle third sees the middle row only
    crop = Box(0.0, 1 / 3, 1.0, 2 / 3)
    middle = matching.resampled(maps, Grid(3, 5), WHOLE, to_grid=Grid(1, 5), to_box=crop)
    np.testing.assert_allclose(middle, maps[:, 5:10])
    assert matching.common((Grid(3, 5), WHOLE), (Grid(4, 2), crop)) == (Grid(3, 2), crop)


def test_shift_is_the_mean_change_of_the_images_that_show_the_concept(
    rng: np.random.Generator,
) -> None:
    before = rng.normal(size=(20, 3))
    scores = np.zeros((20, 3))
    scores[:8, 0], scores[5:, 1] = 1.5, 0.2
    after = before + np.array([0.0, 0, 1])
    after[:8] += [2.0, 0, 0]
    found = matching.shifts(before, after, scores)
    np.testing.assert_allclose(found[0], [2, 0, 1])
    np.testing.assert_allclose(found[1], [2 * 3 / 15, 0, 1])
    assert np.isnan(found[2]).all()
