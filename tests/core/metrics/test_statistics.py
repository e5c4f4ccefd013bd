"""Histograms, moments and example groups of scores."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import stats

from core.metrics.statistics import entropy, example_groups, histogram, summary


def scores(n: int = 1000, *, silent: float = 0.3, signed: bool = False) -> np.ndarray:
    rng = np.random.default_rng(1)
    values = rng.normal(size=n) if signed else rng.gamma(2.0, size=n)
    values[rng.random(n) < silent] = 0 if not signed else 0.5
    return values


@pytest.mark.parametrize("signed", [True, False])
def test_histogram_counts_every_image_once(signed: bool) -> None:
    values = scores(signed=signed)
    found = histogram(values, signed=signed)
    assert found.counts.sum() + found.n_zero == len(values)
    assert found.n_zero == (0 if signed else (values == 0).sum())
    assert len(found.counts) == 40
    kept = values if signed else values[values != 0]
    assert (found.lo, found.hi) == (kept.min(), kept.max())
    edges = np.linspace(found.lo, found.hi, 41)
    assert found.counts[0] == ((kept >= edges[0]) & (kept < edges[1])).sum()
    assert found.counts[-1] == (kept >= edges[-2]).sum()


@pytest.mark.parametrize(("value", "counted"), [(0.0, 0), (2.5, 9)])
def test_histogram_of_equal_scores_invents_no_range(value: float, counted: int) -> None:
    found = histogram(np.full(9, value), signed=False)
    assert (found.lo, found.hi) == (value, value)
    assert found.counts.sum() == counted
    assert found.n_zero == 9 - counted


def test_summary_counts_the_zeros_in() -> None:
    values = np.stack([scores(), scores(signed=True)], axis=1)
    found = summary(values)
    assert found["mean"] == pytest.approx(values.mean(0))
    assert found["std"] == pytest.approx(values.std(0))
    assert found["score_q95"][1] == pytest.approx(np.quantile(values[:, 1], 0.95))
    names = [
        "score_min",
        "score_q05",
        "score_q25",
        "score_q50",
        "score_q75",
        "score_q95",
        "score_max",
    ]
    assert (np.diff([found[name] for name in names], axis=0) >= 0).all()


def test_entropy_equals_scipy_in_bits() -> None:
    weights = np.random.default_rng(2).gamma(1.0, size=(4, 7))
    weights[1, 2:] = 0
    weights[2, 1:] = 0
    assert entropy(weights) == pytest.approx(stats.entropy(weights, base=2, axis=1))
    assert entropy(np.zeros((1, 7))).tolist() == [0.0]
    assert entropy(np.ones((1, 8))).tolist() == [3.0]


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("n", [1000, 150, 30, 5, 1])
def test_no_example_lies_outside_its_group(n: int, signed: bool) -> None:
    values = scores(n, signed=signed)
    for group in example_groups(values, signed=signed, seed=0):
        shown = values[group.members]
        assert len(set(group.members.tolist())) == len(shown) <= group.n
        assert group.lo <= shown.min() <= shown.max() <= group.hi
        assert (np.diff(shown) <= 0).all()


@pytest.mark.parametrize("n", [1000, 150])
def test_quantile_groups_share_no_image(n: int) -> None:
    groups = {g.name: g for g in example_groups(scores(n), signed=False, seed=0)}
    names = ["top", "95-99 %", "75-95 %", "25-75 %"]
    shown = [i for name in names if name in groups for i in groups[name].members.tolist()]
    assert len(shown) == len(set(shown))
    falling = [(groups[name].hi, groups[name].lo) for name in names if name in groups]
    assert all(above[1] >= below[0] for above, below in itertools.pairwise(falling))


def test_groups_lie_at_the_quantiles_they_are_named_for() -> None:
    values = scores(2000)
    active = values[values > 0]
    groups = {g.name: g for g in example_groups(values, signed=False, seed=0)}
    for name, low, high in (("75-95 %", 0.75, 0.95), ("25-75 %", 0.25, 0.75)):
        assert groups[name].lo == pytest.approx(np.quantile(active, low), abs=0.02)
        assert groups[name].hi == pytest.approx(np.quantile(active, high), abs=0.02)
        assert groups[name].n == pytest.approx(len(active) * (high - low), abs=1)
        assert len(groups[name].members) == 12
    assert groups["top"].members.tolist() == np.argsort(-values)[:24].tolist()
    assert groups["random active"].n == len(active)
    assert (values[groups["near zero"].members] == 0).all()


def test_signed_concept_also_shows_its_most_negative_images() -> None:
    values = scores(100, signed=True)
    groups = {g.name: g for g in example_groups(values, signed=True, seed=0)}
    assert sorted(values[groups["most negative"].members]) == sorted(values)[:12]
    near = values[groups["near zero"].members]
    assert np.abs(near).max() == np.sort(np.abs(values))[11]


def test_same_seed_draws_the_same_examples() -> None:
    def drawn(seed: int) -> list[list[int]]:
        return [g.members.tolist() for g in example_groups(scores(), signed=False, seed=seed)]

    assert drawn(3) == drawn(3)
    assert drawn(3) != drawn(4)


def test_silent_concept_has_only_its_control_group() -> None:
    names = [g.name for g in example_groups(np.zeros(40), signed=False, seed=0)]
    assert names == ["near zero"]
