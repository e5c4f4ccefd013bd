"""Means over labels beside slow twins, and how often their intervals hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm, t
from sklearn.metrics import average_precision_score, roc_auc_score

from core.metrics import label_ranking, learnability, macro_ranking

N, Y = 40, 3


def data(seed: int, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """Scores with ties, and labels of which some are unknown."""
    rng = np.random.default_rng(seed)
    y = (rng.random((n, Y)) < [0.2, 0.4, 0.6]).astype(float)
    z = np.round(rng.normal(size=(n, Y)) + y + rng.normal(size=(n, 1)), 1)
    y[rng.random((n, Y)) < 0.1] = np.nan
    return z, y


def known(z: np.ndarray, y: np.ndarray, j: int) -> tuple[np.ndarray, np.ndarray]:
    mine = ~np.isnan(y[:, j])
    return z[mine, j], y[mine, j] == 1


@pytest.mark.parametrize("seed", range(3))
def test_values_are_those_of_each_label_alone(seed: int) -> None:
    z, y = data(seed)
    areas, precise = macro_ranking.areas(z, y), macro_ranking.precisions(z, y)
    for j in range(Y):
        scores, shown = known(z, y, j)
        assert areas.values[j] == pytest.approx(roc_auc_score(shown, scores))
        assert precise.values[j] == pytest.approx(average_precision_score(shown, scores))
        assert label_ranking.area(scores, shown).value == pytest.approx(areas.values[j])
    assert macro_ranking.mean(areas).value == pytest.approx(areas.values.mean())
    assert macro_ranking.mean(precise).value == pytest.approx(precise.values.mean())


def test_pulls_of_an_area_have_the_variance_of_delong() -> None:
    z, y = data(4)
    found = macro_ranking.areas(z, y)
    for j in range(Y):
        scores, shown = known(z, y, j)
        places = learnability.placements(scores, shown.astype(float), np.zeros(len(shown), int))
        slow = sum(np.var(places.value[k], ddof=1) / k.sum() for k in (shown, ~shown))
        assert (found.pulls[:, j] ** 2).sum() == pytest.approx(slow)
        assert (found.pulls[np.isnan(y[:, j]), j] == 0).all()


def test_pulls_of_a_precision_are_what_leaving_each_image_out_changes() -> None:
    z, y = data(5)
    found = macro_ranking.precisions(z, y)
    for j in range(Y):
        scores, shown = known(z, y, j)
        n = len(shown)
        without = np.array(
            [average_precision_score(np.delete(shown, i), np.delete(scores, i)) for i in range(n)]
        )
        jackknife = (n - 1) / n * ((without - without.mean()) ** 2).sum()
        assert (found.pulls[:, j] ** 2).sum() == pytest.approx(jackknife)
        assert found.too_high[j] == pytest.approx((n - 1) * (without.mean() - found.values[j]))
        assert found.freedom[j] == shown.sum() - 1


def test_the_interval_of_a_mean_follows_its_formula() -> None:
    z, y = data(6)
    found = macro_ranking.precisions(z, y)
    value, lo, hi = macro_ranking.mean(found)
    each = (found.pulls**2).sum(0)
    error = math.sqrt(sum(found.pulls[i].mean() ** 2 for i in range(N)))
    freedom = each.sum() ** 2 / sum(v**2 / f for v, f in zip(each, found.freedom, strict=True))
    half = t.ppf(0.975, freedom) * error / (value * (1 - value))
    ends = [1 / (1 + math.exp(-(math.log(value / (1 - value)) + s * half))) for s in (-1, 1)]
    assert hi == pytest.approx(ends[1])
    assert lo == pytest.approx(max(0, ends[0] - max(found.too_high.mean(), 0)))


def test_rare_labels_count_in_no_mean_and_perfect_ones_have_the_exact_bound() -> None:
    y = np.zeros((20, 3))
    y[:2, 0] = y[:5, 1] = y[:4, 2] = 1
    found = macro_ranking.areas(y, y)
    assert np.isnan(found.values[0])
    assert found.n == 2
    perfect = macro_ranking.mean(found)
    assert (perfect.value, perfect.hi) == (1, 1)
    assert perfect.lo**4 == pytest.approx(0.025)
    assert np.isnan(macro_ranking.mean(macro_ranking.areas(y[:, :1], y[:, :1]))).all()


def test_a_gain_is_judged_on_the_same_images() -> None:
    z, y = data(7, n=120)
    better = z + 0.3 * np.nan_to_num(2 * y - 1)
    one, other = macro_ranking.areas(z, y), macro_ranking.areas(better, y)
    found = macro_ranking.gain(one, other)
    assert found.value == pytest.approx(other.values.mean() - one.values.mean())
    assert 0 < found.lo < found.value < found.hi
    apart = [macro_ranking.mean(v) for v in (one, other)]
    assert found.hi - found.lo < min(v.hi - v.lo for v in apart)
    assert macro_ranking.gain(one, one) == (0, 0, 0)


def drawn(
    rng: np.random.Generator, n: int, share: np.ndarray, apart: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Correlated labels, and scores of unit variance that lie `apart`."""
    common = 0.4**0.5 * rng.normal(size=(2, n, 1))
    y, noise = common + 0.6**0.5 * rng.normal(size=(2, n, len(share)))
    shown = (norm.cdf(y) < share).astype(float)
    return noise + apart * shown, shown


SHARE, APART = np.array([0.1, 0.2, 0.3, 0.5]), np.array([0.5, 1.0, 1.5, 1.0])


@pytest.mark.parametrize("n", [50, 350])
def test_intervals_of_means_hold_what_very_many_images_have(n: int) -> None:
    """Of 400 drawn sets 92 to 98.5 % of the intervals hold the true values."""
    rng = np.random.default_rng(8)
    many = drawn(rng, 200_000, SHARE, APART)
    of = {"area": macro_ranking.areas, "precision": macro_ranking.precisions}
    true = {name: measure(*many).values for name, measure in of.items()}
    held: dict[str, list[bool]] = {name: [] for name in of}
    for _ in range(400):
        z, y = drawn(rng, n, SHARE, APART)
        for name, measure in of.items():
            found = measure(z, y)
            one = macro_ranking.mean(found)
            held[name].append(one.lo <= true[name][~np.isnan(found.values)].mean() <= one.hi)
    for name, results in held.items():
        assert 0.92 <= np.mean(results) <= 0.985, name
