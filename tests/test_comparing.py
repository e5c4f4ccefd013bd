"""Two image sets compared: against slow twins, under symmetry, and with a planted difference."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core import comparing

N, M, K = 37, 23, 5


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def sides(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    a, b = rng.normal(size=(N, K)), rng.normal(0.3, 1.5, size=(M, K))
    return a, rng.integers(0, 3, N), b, rng.integers(0, 3, M)


def pooled_twin(
    a: np.ndarray, classes_a: np.ndarray, b: np.ndarray, classes_b: np.ndarray
) -> tuple[float, list[float]]:
    """One concept, cell by cell: mean over classes of |difference| / spread, and each."""
    squares, free, differences = 0.0, 0, []
    for c in sorted(set(classes_a) & set(classes_b)):
        cells = [x[labels == c] for x, labels in ((a, classes_a), (b, classes_b))]
        differences.append(float(cells[1].mean() - cells[0].mean()))
        for cell in cells:
            squares += sum((v - cell.mean()) ** 2 for v in cell)
            free += len(cell) - 1
    spread = math.sqrt(squares / free)
    return float(np.mean([abs(d) for d in differences])) / spread, [d / spread for d in differences]


def test_energies_prevalence_and_interval_equal_their_definitions(
    sides: tuple[np.ndarray, ...],
) -> None:
    a, _, b, _ = sides
    found = comparing.compare(a, b, n_resamples=4000, seed=1)
    for j in range(K):
        assert found.energy_a[j] == pytest.approx(sum(a[:, j]) / N)
        assert found.active_b[j] == sum(v > 0 for v in b[:, j]) / M
        error = math.sqrt(a[:, j].var() / N + b[:, j].var() / M)
        middle = b[:, j].mean() - a[:, j].mean()
        assert found.lo[j] == pytest.approx(middle - 1.96 * error, abs=0.12 * error)
        assert found.hi[j] == pytest.approx(middle + 1.96 * error, abs=0.12 * error)


def test_exchanging_the_sides_changes_only_the_sign(sides: tuple[np.ndarray, ...]) -> None:
    a, classes_a, b, classes_b = sides
    there, back = comparing.compare(a, b), comparing.compare(b, a)
    np.testing.assert_array_equal(there.energy_a, back.energy_b)
    np.testing.assert_array_equal(there.active_a, back.active_b)
    within = comparing.within_classes(a, classes_a, b, classes_b)
    other = comparing.within_classes(b, classes_b, a, classes_a)
    np.testing.assert_allclose(within.value, other.value)
    np.testing.assert_allclose(within.differences, -other.differences)


def test_within_classes_equals_its_definition(sides: tuple[np.ndarray, ...]) -> None:
    a, classes_a, b, classes_b = sides
    found = comparing.within_classes(a, classes_a, b, classes_b, n_permutations=10)
    assert found.classes.tolist() == [0, 1, 2]
    for j in range(K):
        value, differences = pooled_twin(a[:, j], classes_a, b[:, j], classes_b)
        assert found.value[j] == pytest.approx(value)
        np.testing.assert_allclose(found.differences[:, j], differences)


def test_a_changed_combination_shows_within_classes_alone(rng: np.random.Generator) -> None:
    """Concept 0 goes with class 0 in A and with class 1 in B; neither set has more of it."""
    n = 120
    classes = np.arange(n) % 2
    a, b = rng.normal(0, 0.3, (n, K)), rng.normal(0, 0.3, (n, K))
    a[classes == 0, 0] += 1
    b[classes == 1, 0] += 1
    plain = comparing.compare(a, b)
    assert plain.lo[0] < 0 < plain.hi[0]
    found = comparing.within_classes(a, classes, b, classes)
    assert found.value.argmax() == 0
    assert found.value[0] > 5 * found.chance_95[0]
    assert found.p[0] == pytest.approx(1 / 201)
    assert found.differences[0, 0] < 0 < found.differences[1, 0]


def test_without_a_difference_values_lie_at_chance(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(90, 400)), rng.normal(size=(60, 400))
    classes_a, classes_b = rng.integers(0, 4, 90), rng.integers(0, 4, 60)
    found = comparing.within_classes(a, classes_a, b, classes_b)
    assert found.value.mean() == pytest.approx(found.chance.mean(), rel=0.05)
    assert (found.value > found.chance_95).mean() == pytest.approx(0.05, abs=0.03)
    assert found.p.mean() == pytest.approx(0.5, abs=0.06)
    plain = comparing.compare(a, b, n_resamples=400)
    outside = (plain.lo > 0) | (plain.hi < 0)
    assert outside.mean() == pytest.approx(0.05, abs=0.04)


def test_a_concept_is_judged_alone(sides: tuple[np.ndarray, ...]) -> None:
    """So that a bank may be compared in pieces."""
    a, classes_a, b, classes_b = sides
    whole = comparing.within_classes(a, classes_a, b, classes_b)
    piece = comparing.within_classes(a[:, 3:4], classes_a, b[:, 3:4], classes_b)
    np.testing.assert_allclose(piece.chance_95, whole.chance_95[3:4])
    np.testing.assert_allclose(piece.p, whole.p[3:4])


def test_constant_and_unlabelled_say_nothing(sides: tuple[np.ndarray, ...]) -> None:
    a, classes_a, b, classes_b = sides
    a[:, 1], b[:, 1] = 0.1, 0.1
    found = comparing.within_classes(a, classes_a, b, classes_b)
    assert found.value[1] == 0
    assert found.p[1] == 1
    more = np.concatenate([a, np.full((4, K), 1e6)])
    labels = np.concatenate([classes_a, np.full(4, -1)])
    again = comparing.within_classes(more, labels, b, classes_b)
    np.testing.assert_allclose(again.value, found.value)


def test_delta_is_a_half_where_equal_and_sharper_when_cold() -> None:
    differences = np.array([-3.0, -0.1, 0.0, 0.1, 3.0])
    warm, cold = comparing.delta(differences, 1.0), comparing.delta(differences, 0.01)
    assert warm[2] == 0.5
    assert (np.diff(warm) > 0).all()
    np.testing.assert_allclose(warm + warm[::-1], 1)
    assert cold[3] > warm[3]
    assert warm[4] == pytest.approx(1 / (1 + math.exp(-3)))


def test_default_temperature_marks_the_strongest_twentieth(rng: np.random.Generator) -> None:
    differences = np.concatenate([rng.normal(size=1000), np.zeros(500)])
    found = comparing.delta(differences, comparing.temperature(differences))
    assert ((found > 0.9) | (found < 0.1)).sum() == pytest.approx(50, abs=1)
    assert comparing.temperature(np.zeros(3)) == 1


def test_what_cannot_be_compared_is_refused(sides: tuple[np.ndarray, ...]) -> None:
    a, classes_a, b, _ = sides
    with pytest.raises(ValueError, match="has no image"):
        comparing.compare(a, b[:0])
    with pytest.raises(ValueError, match="no class has two"):
        comparing.within_classes(a, classes_a, b, np.full(M, 9))
    with pytest.raises(ValueError, match="larger than 0"):
        comparing.delta(np.zeros(2), 0.0)
