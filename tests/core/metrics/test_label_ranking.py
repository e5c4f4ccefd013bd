"""Average precision, its interval and thresholds, beside slow twins and by how often they hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import t
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from core.metrics.label_ranking import area, average_precision, best_threshold, rates
from core.metrics.learnability import normalised_precision


def slow_precision(scores: list[float], positive: list[bool]) -> float:
    """Threshold by threshold: precision times how much recall it adds."""
    out, found_before = 0.0, 0
    for threshold in sorted(set(scores), reverse=True):
        said = [shown for score, shown in zip(scores, positive, strict=True) if score >= threshold]
        out += sum(said) / len(said) * (sum(said) - found_before) / sum(positive)
        found_before = sum(said)
    return out


def slow_interval(scores: list[float], positive: list[bool]) -> tuple[float, float]:
    """The jackknife on the logit scale: every image is left out once."""
    n, value = len(scores), slow_precision(scores, positive)
    without = [
        slow_precision(scores[:i] + scores[i + 1 :], positive[:i] + positive[i + 1 :])
        for i in range(n)
    ]
    mean = sum(without) / n
    error = math.sqrt((n - 1) / n * sum((v - mean) ** 2 for v in without))
    half = t.ppf(0.975, sum(positive) - 1) * error / (value * (1 - value))
    at = math.log(value / (1 - value))
    lo, hi = (1 / (1 + math.exp(-(at + sign * half))) for sign in (-1, 1))
    return max(0.0, lo - max(0.0, (n - 1) * (mean - value))), hi


def boyd(value: float, n: int) -> tuple[float, float]:
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
    assert (found.lo, found.hi) == pytest.approx(slow_interval(scores.tolist(), positive.tolist()))
    assert found.lo < found.value < found.hi


def test_a_perfect_ranking_has_the_exact_bound_and_none_has_nothing() -> None:
    positive = np.array([True] * 5 + [False] * 9)
    perfect = average_precision(positive.astype(float), positive)
    assert (perfect.value, perfect.hi) == (1, 1)
    assert perfect.lo**5 == pytest.approx(0.025)
    assert np.isnan(average_precision(np.arange(3.0), np.zeros(3, bool))).all()


def test_two_positives_have_the_interval_of_a_share() -> None:
    positive = np.array([True, False, True, False, False])
    found = average_precision(np.arange(5.0)[::-1], positive)
    assert (found.lo, found.hi) == pytest.approx(boyd(found.value, 2))


@pytest.mark.parametrize("seed", range(5))
def test_an_area_has_the_interval_of_newcombe_or_a_wider_one_of_delong(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = rng.random(40) < 0.4
    scores = np.round(rng.normal(size=40) * (1 + seed % 2 * positive) + positive, 1)

    found = area(scores, positive)

    assert found.value == pytest.approx(roc_auc_score(positive, scores))
    n = [int(positive.sum()), int((~positive).sum())]

    def error(a: float) -> float:
        mid = sum(n) / 2 - 1
        spread = 1 + mid * (1 - a) / (2 - a) + mid * a / (1 + a)
        return math.sqrt(a * (1 - a) * spread / (n[0] * n[1]))

    above = [[(u > d) + (u == d) / 2 for d in scores[~positive]] for u in scores[positive]]
    delong = math.sqrt(
        np.var(np.mean(above, 1), ddof=1) / n[0] + np.var(np.mean(above, 0), ddof=1) / n[1]
    )
    larger = max(1.0, delong / error(found.value))
    for end in (found.lo, found.hi):
        assert abs(found.value - end) == pytest.approx(1.959964 * larger * error(end))
    assert found.lo < found.value < found.hi
    assert np.isnan(area(scores, np.ones(40, bool))).all()


SETS = 400
"""drawn of each kind; `tests.bench intervals` draws 1,000 of many more kinds"""


@pytest.mark.parametrize(
    ("n", "share", "apart", "spread", "most"),
    [
        (20, 0.5, 0.0, 1.0, 0.985),
        (20, 0.2, 1.0, 1.0, 1.0),
        (20, 0.5, 1.0, 2.0, 1.0),
        (50, 0.5, 2.0, 1.0, 0.985),
        (50, 0.1, 1.0, 1.0, 1.0),
        (350, 0.2, 1.0, 2.0, 0.985),
        (350, 0.05, 1.0, 1.0, 0.985),
    ],
)
def test_intervals_hold_what_very_many_images_have(
    n: int, share: float, apart: float, spread: float, most: float
) -> None:
    """92 to 98.5 % of them; of few positives all may, since nothing narrower holds."""

    def drawn(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        positive = rng.random(n) < share
        return rng.normal(size=n) * np.where(positive, spread, 1) + apart * positive, positive

    many = drawn(300_000, np.random.default_rng(0))
    rng = np.random.default_rng(1)
    sets = [drawn(n, rng) for _ in range(SETS)]
    sets = [one for one in sets if 0 < one[1].sum() < n]
    for measure in (area, average_precision):
        true = normalised_precision(*many, expected=int(many[1].sum()))
        if measure is area:
            true = roc_auc_score(many[1], many[0])
        held = np.mean([(found := measure(*one)).lo <= true <= found.hi for one in sets])
        assert 0.92 <= held <= most, measure.__name__


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_has_a_larger_f1(seed: int) -> None:
    rng = np.random.default_rng(seed)
    positive = rng.random(40) < 0.3
    probs = np.round(1 / (1 + np.exp(-rng.normal(size=40) - positive)), 2)

    found = best_threshold(probs, positive)

    assert found is not None
    best = max(f1_score(positive, probs >= at) for at in np.linspace(0, 1, 501))
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
