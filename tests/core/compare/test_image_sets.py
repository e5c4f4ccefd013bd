"""Two image sets compared: against slow twins, under symmetry, and with a planted difference."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from core.compare import image_sets, orders

N, M, K = 37, 23, 5


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def sides(rng: np.random.Generator) -> tuple[np.ndarray, ...]:
    a, b = rng.normal(size=(N, K)), rng.normal(0.3, 1.5, size=(M, K))
    return a, rng.integers(0, 3, N), b, rng.integers(0, 3, M)


def test_energies_and_prevalence_equal_their_definitions(sides: tuple[np.ndarray, ...]) -> None:
    a, _, b, _ = sides
    found = image_sets.compare(a, b)
    for j in range(K):
        assert found.energy_a[j] == pytest.approx(sum(a[:, j]) / N)
        assert found.active_b[j] == sum(v > 0 for v in b[:, j]) / M


def test_p_is_the_share_of_all_ways_to_split_the_images() -> None:
    """Against every one of the C(9, 4) = 126 ways; of pairs, against all 2^6 signs."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(9, 3)) + np.array([0, 0, 0, 0, 0, 0.6, 0.6, 0.6, 0.6])[:, None]
    found = image_sets.compare(x[:5], x[5:], n_orders=20_000)
    ways = [list(way) for way in itertools.combinations(range(9), 4)]
    for j in range(3):
        sizes = [abs(x[way, j].mean() - np.delete(x[:, j], way).mean()) for way in ways]
        wanted = np.mean(np.array(sizes) >= sizes[-1] - 1e-12)
        assert found.p[j] == pytest.approx(wanted, rel=0.3)
    a, b = rng.normal(size=(6, 2)), rng.normal(0.8, 1, size=(6, 2))
    paired = image_sets.compare(a, b, paired=True, n_orders=20_000)
    for j in range(2):
        signs = itertools.product((1, -1), repeat=6)
        sizes = [abs(np.mean(np.array(one) * (b - a)[:, j])) for one in signs]
        wanted = np.mean(np.array(sizes) >= sizes[0] - 1e-12)
        assert paired.p[j] == pytest.approx(wanted, rel=0.3)


def test_exchanging_the_sides_changes_only_the_sign(sides: tuple[np.ndarray, ...]) -> None:
    a, _, b, _ = sides
    there, back = image_sets.compare(a, b), image_sets.compare(b, a)
    np.testing.assert_array_equal(there.energy_a, back.energy_b)
    np.testing.assert_array_equal(there.active_a, back.active_b)


@pytest.mark.parametrize("n", [10, 50, 350])
def test_a_draw_of_the_same_images_shows_hardly_a_difference(
    rng: np.random.Generator, n: int
) -> None:
    """Scores as sparse as an SAE's, 700 images: one p in twenty at 0.05 or fewer, and a false
    discovery rate that finds nothing in nearly all draws (a percentile bootstrap called 23 % of
    these different at 10 images)."""
    rate = 10 ** rng.uniform(-2.5, -0.3, 256)
    found, small = 0, []
    for draw in range(12):
        x = (rng.random((700, 256)) < rate) * rng.exponential(size=(700, 256))
        c = image_sets.compare(x[:n], x[n:], n_orders=orders.most(256), seed=draw)
        fires = (c.energy_a != 0) | (c.energy_b != 0)
        found += bool((orders.q_values(c.p, tested=fires) <= 0.05).any())
        small.append((c.p <= 0.05).mean())
    assert 0.02 < np.mean(small) < 0.06
    assert found <= 3  # of 12; 5 % of them expected


def test_a_planted_difference_is_found_among_many(rng: np.random.Generator) -> None:
    x = (rng.random((400, 256)) < 0.05) * rng.exponential(size=(400, 256))
    x[:50, 7] = (rng.random(50) < 0.5) * rng.exponential(size=50)
    c = image_sets.compare(x[:50], x[50:], n_orders=orders.most(256))
    q = orders.q_values(c.p, tested=np.ones(256, dtype=bool))
    assert q.argmin() == 7
    assert q[7] <= 0.05
    assert c.hi[7] < 0


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
