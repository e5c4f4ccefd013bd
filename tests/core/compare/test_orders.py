"""p values by random orders: as many orders as needed, and a false discovery rate that holds."""

from __future__ import annotations

import numpy as np
import pytest

from core.compare import orders


def judged(values: np.ndarray, *, n_orders: int, seed: int = 0) -> tuple[np.ndarray, list[int]]:
    """Of standard normal statistics; the second tells how many concepts each batch was asked of."""
    rng = np.random.default_rng(seed)
    asked: list[int] = []

    def again(columns: np.ndarray, _: int) -> np.ndarray:
        asked.append(len(columns))
        return np.asarray(rng.normal(size=(orders.BATCH, 1, len(columns))))

    first = rng.normal(size=(orders.FIRST, 1, len(values)))
    return orders.p_values(values[None], first, again, n_orders=n_orders)[0], asked


def test_small_p_values_are_found_and_large_ones_cost_nothing() -> None:
    from scipy.stats import norm

    values = np.array([0.1, 0.5, 1.0, 2.0, 3.0, 3.3, 9.0])
    p, asked = judged(values, n_orders=20_000)
    np.testing.assert_allclose(p[:4], 2 * norm.sf(values[:4]), rtol=0.6)
    np.testing.assert_allclose(p[4:6], 2 * norm.sf(values[4:6]), rtol=0.5)
    assert p[6] == pytest.approx(1 / 20_001)
    assert asked[0] == 4
    assert len(asked) == 20
    assert asked[-1] == 1  # only what fewer than 20 orders reached


def test_p_values_of_nothing_are_small_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    p, _ = judged(rng.normal(size=20_000), n_orders=2000)
    for level in (0.005, 0.01, 0.05, 0.2):
        assert (p <= level).mean() == pytest.approx(level, rel=0.25)


def test_false_discoveries_stay_at_their_rate() -> None:
    """Of 200 worlds with 20 true differences of 200, the mean share of false ones among found."""
    rng = np.random.default_rng(6)
    false, power = [], []
    for world in range(60):
        values = rng.normal(size=200)
        values[:20] += 4
        p, _ = judged(values, n_orders=orders.most(200), seed=world)
        found = orders.q_values(p, tested=np.ones(200, dtype=bool)) <= 0.05
        false.append(found[20:].sum() / max(found.sum(), 1))
        power.append(found[:20].mean())
    assert np.mean(false) < 0.075
    assert np.mean(power) > 0.6


def test_what_cannot_differ_is_no_part_of_the_family() -> None:
    p = np.array([0.001, 0.03, 1.0, 1.0])
    tested = np.array([True, True, False, False])
    np.testing.assert_allclose(orders.q_values(p, tested=tested), [0.002, 0.03, 1, 1])
    assert orders.q_values(p, tested=np.zeros(4, dtype=bool)).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(("n_concepts", "wanted"), [(1, 2000), (256, 6000), (5000, 20_000)])
def test_orders_suffice_for_one_concept_among_all(n_concepts: int, wanted: int) -> None:
    assert orders.most(n_concepts) == wanted
