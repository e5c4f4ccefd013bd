"""Concepts against classes in two image sets: against slow twins, planted changes, and chance."""

from __future__ import annotations

import math

import numpy as np
import pytest

from core.compare import class_shifts
from core.compare.class_shifts import Judged

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
) -> list[float]:
    """One concept, cell by cell: b minus a in each class, over the spread inside cells."""
    squares, free, differences = 0.0, 0, []
    for c in sorted(set(classes_a) & set(classes_b)):
        cells = [x[labels == c] for x, labels in ((a, classes_a), (b, classes_b))]
        differences.append(float(cells[1].mean() - cells[0].mean()))
        for cell in cells:
            squares += sum((v - cell.mean()) ** 2 for v in cell)
            free += len(cell) - 1
    return [d / math.sqrt(squares / free) for d in differences]


def tie_twin(x: np.ndarray, labels: np.ndarray) -> float:
    """Intraclass correlation of one concept on one side, from its two mean squares."""
    cells = [x[labels == c] for c in sorted(set(labels))]
    means = [sum(cell) / len(cell) for cell in cells]
    squares = sum((v - mean) ** 2 for cell, mean in zip(cells, means, strict=True) for v in cell)
    inside = squares / sum(len(cell) - 1 for cell in cells)
    apart = sum((mean - sum(means) / len(means)) ** 2 for mean in means) / (len(means) - 1)
    between = apart - inside * sum(1 / len(cell) for cell in cells) / len(cells)
    return between / (between + inside)


def test_within_and_its_two_directions_equal_their_definition(
    sides: tuple[np.ndarray, ...],
) -> None:
    a, classes_a, b, classes_b = sides
    found = class_shifts.within(*sides)
    assert found.classes.tolist() == [0, 1, 2]
    for j in range(K):
        differences = pooled_twin(a[:, j], classes_a, b[:, j], classes_b)
        np.testing.assert_allclose(found.differences[:, j], differences)
        assert found.value[j] == pytest.approx(sum(abs(d) for d in differences) / 3)
        assert found.more.value[j] == pytest.approx(sum(d for d in differences if d > 0) / 3)
        assert found.less.value[j] == pytest.approx(-sum(d for d in differences if d < 0) / 3)


def test_ties_equal_their_definition(sides: tuple[np.ndarray, ...]) -> None:
    a, classes_a, b, classes_b = sides
    a += 3 * classes_a[:, None]
    found = class_shifts.ties(a, classes_a, b, classes_b)
    for j in range(K):
        assert found.tie_a[j] == pytest.approx(tie_twin(a[:, j], classes_a))
        assert found.tie_b[j] == pytest.approx(tie_twin(b[:, j], classes_b))
    np.testing.assert_allclose(found.value, found.tie_b - found.tie_a)
    assert (found.tie_a > 0.8).all()


def test_ties_of_few_images_are_not_inflated(rng: np.random.Generator) -> None:
    """With 2 images a class the share of variance between class means would be a half by chance."""
    classes = np.repeat(np.arange(40), 2)
    a, b = rng.normal(size=(80, 300)), rng.normal(size=(80, 300))
    b += rng.normal(size=(40, 300))[classes]  # as much between classes as inside
    found = class_shifts.ties(a, classes, b, classes)
    assert found.tie_a.mean() == pytest.approx(0, abs=0.03)
    assert found.tie_b.mean() == pytest.approx(0.5, abs=0.03)


def test_exchanging_the_sides_changes_only_the_direction(sides: tuple[np.ndarray, ...]) -> None:
    a, classes_a, b, classes_b = sides
    there = class_shifts.within(a, classes_a, b, classes_b)
    back = class_shifts.within(b, classes_b, a, classes_a)
    np.testing.assert_allclose(there.value, back.value)
    np.testing.assert_allclose(there.more.value, back.less.value)
    np.testing.assert_allclose(there.differences, -back.differences)
    ties = class_shifts.ties(a, classes_a, b, classes_b)
    other = class_shifts.ties(b, classes_b, a, classes_a)
    np.testing.assert_allclose(ties.value, -other.value)


def test_a_concept_that_changes_classes_shows_within_them_and_keeps_its_tie(
    rng: np.random.Generator,
) -> None:
    """Concept 0 goes with class 0 in A and with class 1 in B; neither set has more of it."""
    n = 120
    classes = np.arange(n) % 2
    a, b = rng.normal(0, 0.3, (n, K)), rng.normal(0, 0.3, (n, K))
    a[classes == 0, 0] += 1
    b[classes == 1, 0] += 1
    found = class_shifts.within(a, classes, b, classes)
    assert found.value.argmax() == 0
    for part in (found, found.more, found.less):
        assert part.value[0] > 5 * part.chance_95[0]
        assert part.p[0] == pytest.approx(1 / 201)
        assert part.chance_95[0] < part.value[0]
    half = found.differences_half[:, 0]
    assert found.differences[0, 0] + half[0] < 0 < found.differences[1, 0] - half[1]
    ties = class_shifts.ties(a, classes, b, classes)
    assert abs(ties.value[0]) < 0.1 < ties.tie_a[0]


def test_a_shortcut_that_no_longer_holds_loses_its_tie_and_nothing_else_does(
    rng: np.random.Generator,
) -> None:
    """Concept 0 is a coin that follows the class in A only; concept 1 does so in both."""
    classes = rng.integers(0, 2, 200)
    a, b = rng.normal(0, 0.3, (200, K)), rng.normal(0, 0.3, (200, K))
    a[:, 0] += classes
    b[:, 0] += rng.integers(0, 2, 200)
    a[:, 1] += classes
    b[:, 1] += classes
    found = class_shifts.ties(a, classes, b, classes)
    assert found.value.argmin() == 0
    assert found.hi[0] < -0.5
    assert found.p[0] == pytest.approx(1 / 201)
    assert found.tie_a[1] > 0.7
    assert (np.abs(found.value[1:]) < 2 * found.chance_95[1:]).all()
    assert -found.value[0] > 3 * found.chance_95[0]


@pytest.mark.parametrize("paired", [False, True])
def test_without_a_difference_values_lie_at_chance(paired: bool) -> None:
    """Even where classes differ, and where a pair is nearly the same image twice."""
    rng = np.random.default_rng(3)
    n, m, k = (80, 80, 400) if paired else (110, 70, 400)
    classes_a = rng.integers(0, 4, n)
    classes_b = classes_a if paired else rng.integers(0, 4, m)
    level = rng.normal(0, 0.7, (4, k))
    own = rng.normal(size=(n, k)) if paired else 0
    a = level[classes_a] + own + rng.normal(size=(n, k))
    b = level[classes_b] + own + rng.normal(size=(m, k))
    within = class_shifts.within(a, classes_a, b, classes_b, paired=paired)
    ties = class_shifts.ties(a, classes_a, b, classes_b, paired=paired)
    everything: tuple[Judged, ...] = (within, within.more, within.less, ties)
    for judged in everything:
        beyond = np.abs(judged.value) > judged.chance_95
        assert beyond.mean() == pytest.approx(0.055, abs=0.045)
        assert judged.p.mean() == pytest.approx(0.5, abs=0.06)
        assert np.abs(judged.value).mean() == pytest.approx(judged.chance.mean(), rel=0.1)
    assert ((ties.lo <= 0) & (ties.hi >= 0)).mean() == pytest.approx(0.95, abs=0.04)
    if not paired:  # of all four classes together
        held = (np.abs(within.differences) <= within.differences_half).all(0)
        assert held.mean() == pytest.approx(0.955, abs=0.03)


@pytest.mark.parametrize(("n_classes", "per"), [(4, 5), (10, 5), (10, 35)])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_intervals_of_ties_and_of_classes_hold_the_truth(
    n_classes: int, per: int, share: float
) -> None:
    """Of 1,000 concepts; plain draws held 87 % of ties of a half told by five images a class."""
    rng = np.random.default_rng(4)
    k = 1000
    classes = np.repeat(np.arange(n_classes), per)
    level = rng.normal(size=(n_classes, k))
    level = np.sqrt(share) * (level - level.mean(0)) / level.std(0, ddof=1)
    other = rng.permuted(level, axis=0)  # the same tie by other classes
    inside = np.sqrt(1 - share)
    a = level[classes] + inside * rng.normal(size=(n_classes * per, k))
    b = other[classes] + inside * rng.normal(size=(n_classes * per, k))
    ties = class_shifts.ties(a, classes, b, classes)
    assert 0.92 < ((ties.lo <= 0) & (ties.hi >= 0)).mean() < 0.995
    within = class_shifts.within(a, classes, b, classes)
    truth = (other - level) / inside
    held = (np.abs(within.differences - truth) <= within.differences_half).all(0)
    assert 0.93 < held.mean() < 0.998


def test_a_concept_is_judged_alone(sides: tuple[np.ndarray, ...]) -> None:
    """So that a bank may be compared in pieces."""
    a, classes_a, b, classes_b = sides
    for compare in (class_shifts.within, class_shifts.ties):
        whole = compare(a, classes_a, b, classes_b)
        piece = compare(a[:, 3:4], classes_a, b[:, 3:4], classes_b)
        for name in ("value", "chance_95", "p"):
            np.testing.assert_allclose(getattr(piece, name), getattr(whole, name)[3:4])


def test_constant_and_unlabelled_say_nothing(sides: tuple[np.ndarray, ...]) -> None:
    a, classes_a, b, classes_b = sides
    a[:, 1], b[:, 1] = 0.1, 0.1
    more = np.concatenate([a, np.full((4, K), 1e6)])
    labels = np.concatenate([classes_a, np.full(4, -1)])
    for compare in (class_shifts.within, class_shifts.ties):
        found = compare(a, classes_a, b, classes_b)
        assert found.value[1] == 0
        assert found.p[1] == 1
        np.testing.assert_allclose(compare(more, labels, b, classes_b).value, found.value)


def test_what_the_class_fixes_altogether_has_tie_1() -> None:
    """However large its values are against what rounding leaves inside classes."""
    classes = np.arange(30) % 3
    a = np.repeat(classes[:, None].astype(float), 2, axis=1) + np.array([0.1, 1e6])
    b = np.random.default_rng(0).permutation(a)
    found = class_shifts.ties(a, classes, b, classes)
    np.testing.assert_allclose(found.tie_a, 1)
    assert (found.tie_b < 0.5).all()


def test_what_cannot_be_compared_is_refused(sides: tuple[np.ndarray, ...]) -> None:
    a, classes_a, b, _ = sides
    with pytest.raises(ValueError, match="no class has two"):
        class_shifts.within(a, classes_a, b, np.full(M, 9))
    with pytest.raises(ValueError, match="fewer than two classes"):
        class_shifts.ties(a, classes_a, b, np.full(M, 1))
    found = class_shifts.comparable(
        np.array([0, 0, 1, 1, 2, -1, -1]), np.array([0, 1, 1, 2, -1, -1])
    )
    assert found.tolist() == [1]
