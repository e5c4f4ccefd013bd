"""Average precision, its interval and thresholds, beside slow twins and by how often they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, f1_score

from core.metrics.label_ranking import average_precision, best_threshold, rates


def slow_precision(scores: list[float], positive: list[bool]) -> float:
    """Threshold by threshold: precision times how much recall it adds."""
    out, found_before = 0.0, 0
    for threshold in sorted(set(scores), reverse=True):
        said = [shown for score, shown in zip(scores, positive, strict=True) if score >= threshold]
        out += sum(said) / len(said) * (sum(said) - found_before) / sum(positive)
        found_before = sum(said)
    return out


def slow_interval(value: float, n: int) -> tuple[float, float]:
    eta, tau = math.log(value / (1 - value)), 1 / math.sqrt(n * value * (1 - value))
    ends = (eta - 1.959964 * tau, eta + 1.959964 * tau)
    return 1 / (1 + math.exp(-ends[0])), 1 / (1 + math.exp(-ends[1]))


@pytest.mark.parametrize("seed", range(5))
def test_average_precision_is_that_of_the_slow_formula_with_ties(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = rng.random(60) < 0.3
    scores = np.round(rng.normal(size=60) + positive, 1)

    found = average_precision(scores, positive)

    assert found.value == pytest.approx(slow_precision(scores.tolist(), positive.tolist()))
    assert found.value == pytest.approx(average_precision_score(positive, scores))
    assert (found.lo, found.hi) == pytest.approx(slow_interval(found.value, int(positive.sum())))
    assert found.lo < found.value < found.hi


def test_a_perfect_ranking_has_the_exact_bound_and_none_has_nothing() -> None:
    positive = np.array([True] * 5 + [False] * 9)
    perfect = average_precision(positive.astype(float), positive)
    assert (perfect.value, perfect.hi) == (1, 1)
    assert perfect.lo**5 == pytest.approx(0.025)
    assert np.isnan(average_precision(np.arange(3.0), np.zeros(3, bool))).all()


def test_the_interval_holds_what_very_many_images_have() -> None:
    """Of 300 drawn sets of 200 images, about 95 % of the intervals hold the true value."""

    def drawn(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        positive = np.zeros(n, bool)
        positive[: n // 4] = True
        return rng.normal(size=n) + 1.2 * positive, positive

    true = average_precision(*drawn(400_000, np.random.default_rng(0))).value
    rng = np.random.default_rng(1)
    held = [(one := average_precision(*drawn(200, rng))).lo <= true <= one.hi for _ in range(300)]
    assert 0.9 <= np.mean(held) <= 1


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_has_a_larger_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = rng.random(40) < 0.3
    probs = np.round(1 / (1 + np.exp(-rng.normal(size=40) - positive)), 2)

    found = best_threshold(probs, positive)

    assert found is not None
    best = max(f1_score(positive, probs >= t) for t in np.linspace(0, 1, 501))
    assert f1_score(positive, probs >= found) == pytest.approx(best)
    assert found not in probs
    assert best_threshold(probs, np.zeros(40, bool)) is None
    assert best_threshold(probs, np.ones(40, bool)) is None


def test_rates_are_shares_of_the_images_they_name() -> None:
    positive = np.array([True, True, True, False, False])
    probs = np.array([0.9, 0.5, 0.1, 0.6, 0.2])

    found = rates(probs, positive, 0.5)

    assert found == pytest.approx((2 / 3, 1 / 2, 2 / 3))
    nobody = rates(probs, positive, 0.95)
    assert nobody[:2] == (0, 1)
    assert math.isnan(nobody.precision)
