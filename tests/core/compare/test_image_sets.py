"""Two image sets compared: against slow twins, under symmetry, and with a planted difference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.compare import image_sets

N, M, K = 37, 23, 5


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def sides(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    a, b = rng.normal(size=(N, K)), rng.normal(0.3, 1.5, size=(M, K))
    return a, rng.integers(0, 3, N), b, rng.integers(0, 3, M)


def test_energies_prevalence_and_interval_equal_their_definitions(
    sides: tuple[np.ndarray, ...],
) -> None:
    a, _, b, _ = sides
    found = image_sets.compare(a, b, n_resamples=4000, seed=1)
    for j in range(K):
        assert found.energy_a[j] == pytest.approx(sum(a[:, j]) / N)
        assert found.active_b[j] == sum(v > 0 for v in b[:, j]) / M
        error = math.sqrt(a[:, j].var() / N + b[:, j].var() / M)
        middle = b[:, j].mean() - a[:, j].mean()
        assert found.lo[j] == pytest.approx(middle - 1.96 * error, abs=0.12 * error)
        assert found.hi[j] == pytest.approx(middle + 1.96 * error, abs=0.12 * error)


def test_exchanging_the_sides_changes_only_the_sign(sides: tuple[np.ndarray, ...]) -> None:
    a, _, b, _ = sides
    there, back = image_sets.compare(a, b), image_sets.compare(b, a)
    np.testing.assert_array_equal(there.energy_a, back.energy_b)
    np.testing.assert_array_equal(there.active_a, back.active_b)


def test_one_interval_in_twenty_leaves_0_out_where_nothing_differs(
    rng: np.random.Generator,
) -> None:
    a, b = rng.normal(size=(90, 400)), rng.normal(size=(60, 400))
    plain = image_sets.compare(a, b, n_resamples=400)
    outside = (plain.lo > 0) | (plain.hi < 0)
    assert outside.mean() == pytest.approx(0.05, abs=0.04)


def test_delta_is_a_half_where_equal_and_sharper_when_cold() -> None:
    differences = np.array([-3.0, -0.1, 0.0, 0.1, 3.0])
    warm, cold = image_sets.delta(differences, 1.0), image_sets.delta(differences, 0.01)
    assert warm[2] == 0.5
    assert (np.diff(warm) > 0).all()
    np.testing.assert_allclose(warm + warm[::-1], 1)
    assert cold[3] > warm[3]
    assert warm[4] == pytest.approx(1 / (1 + math.exp(-3)))


def test_default_temperature_marks_the_strongest_twentieth(rng: np.random.Generator) -> None:
    differences = np.concatenate([rng.normal(size=1000), np.zeros(500)])
    found = image_sets.delta(differences, image_sets.temperature(differences))
    assert ((found > 0.9) | (found < 0.1)).sum() == pytest.approx(50, abs=1)
    assert image_sets.temperature(np.zeros(3)) == 1


def test_what_cannot_be_compared_is_refused(sides: tuple[np.ndarray, ...]) -> None:
    a, _, b, _ = sides
    with pytest.raises(ValueError, match="has no image"):
        image_sets.compare(a, b[:0])
    with pytest.raises(ValueError, match="larger than 0"):
        image_sets.delta(np.zeros(2), 0.0)
