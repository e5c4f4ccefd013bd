"""What a bank and its concepts are judged by keeps its promises at the extremes."""

from __future__ import annotations

from itertools import combinations, permutations
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
import torch

from core.controls import plain
from core.metrics import concept_quality, dictionary, reconstruction
from data import store


def _tokens(n: int = 60, d: int = 7) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(3)) + 0.5


# -- reconstruction ----------------------------------------------------------------------------


def test_perfect_dictionary_rebuilds_everything() -> None:
    x = _tokens()
    codes = plain.least_squares(x, torch.eye(7), n_codes=7)
    rebuilt = codes @ torch.eye(7)
    assert reconstruction.r2(x, rebuilt) == pytest.approx(1, abs=1e-6)
    assert reconstruction.relative_l2(x, rebuilt) == pytest.approx(0, abs=1e-4)
    assert reconstruction.wasserstein(x, x[torch.randperm(60)]) == 0


def test_the_mean_token_explains_no_variance() -> None:
    x = _tokens()
    assert reconstruction.r2(x, x.mean(0).expand_as(x)) == pytest.approx(0, abs=1e-6)
    assert reconstruction.relative_l2(x, torch.zeros_like(x)) == pytest.approx(1)


def test_wasserstein_is_scipys_mean_over_channels() -> None:
    x, y = _tokens(), 2 * _tokens(d=7).flip(1) - 1
    expected = [scipy.stats.wasserstein_distance(x[:, j], y[:, j]) for j in range(7)]
    assert reconstruction.wasserstein(x, y) == pytest.approx(np.mean(expected), rel=1e-5)


def test_hoyer_is_one_for_a_single_code_and_zero_for_equal_ones() -> None:
    assert reconstruction.hoyer(torch.tensor([[0.0, 3, 0, 0], [0, 0, 0, -2]])) == pytest.approx(1)
    assert reconstruction.hoyer(torch.full((2, 5), 0.3)) == pytest.approx(0, abs=1e-7)
    between = reconstruction.hoyer(torch.tensor([[1.0, 1, 0, 0]]))
    assert between == pytest.approx((2 - 2**0.5) / (2 - 1))


def test_codes_of_a_plain_control_solve_least_squares_on_the_strongest_directions() -> None:
    x = _tokens(n=5)
    directions = plain.random_like(torch.randn(11, 7), seed=4)
    codes = plain.least_squares(x, directions, n_codes=3)
    for token, code in zip(x, codes, strict=True):
        on = (directions @ token).abs().topk(3).indices
        expected = torch.linalg.lstsq(directions[on].T, token[:, None]).solution[:, 0]
        assert code[on].numpy() == pytest.approx(expected.numpy(), abs=1e-3)
        assert (code != 0).sum() == 3


def test_outliers_are_far_from_real_tokens() -> None:
    real = _tokens()
    near = reconstruction.neighbour_distance(real[:20], real[20:])
    far = reconstruction.neighbour_distance(real[:20] + 100, real[20:])
    by_hand = np.sort(torch.cdist(real[:20], real[20:]).numpy(), 1)[:, 9].mean()
    assert near == pytest.approx(by_hand, rel=1e-5)
    assert far > 50 * near


# -- directions --------------------------------------------------------------------------------


def test_identical_banks_are_stable_in_any_order_and_sign() -> None:
    one = plain.random_like(torch.randn(6, 9), seed=1)
    other = -3 * one[torch.tensor([4, 0, 5, 2, 1, 3])]
    assert dictionary.stability(one, one, signed=False) == pytest.approx(1)
    assert dictionary.stability(one, other, signed=True) == pytest.approx(1)


def test_stability_is_the_best_of_all_matchings() -> None:
    one, two = (plain.random_like(torch.randn(4, 5), seed=s).double() for s in (1, 2))
    cosine = (one @ two.T).numpy()
    for signed, likeness in ((False, cosine), (True, np.abs(cosine))):
        best = max(likeness[range(4), list(p)].mean() for p in permutations(range(4)))
        assert dictionary.stability(one, two, signed=signed) == pytest.approx(best)
        assert best < 0.95


def test_coherence_and_effective_rank_of_known_dictionaries() -> None:
    orthogonal = torch.eye(6)[:4] * torch.tensor([[1.0], [5], [2], [3]])
    assert dictionary.coherence(orthogonal) == (0, 0)
    assert dictionary.effective_rank(torch.eye(6)[:4]) == pytest.approx(4)
    doubled = torch.cat([torch.eye(3), torch.eye(3)[:1]])
    found = dictionary.coherence(doubled)
    assert found.largest == pytest.approx(1)
    assert found.mean == pytest.approx(2 / 12)
    assert dictionary.effective_rank(torch.ones(5, 3)) == pytest.approx(1, abs=1e-6)


def test_plain_control_of_a_non_negative_bank_is_non_negative() -> None:
    assert (plain.random_like(torch.rand(5, 8), seed=0) >= 0).all()
    assert (plain.random_like(torch.randn(5, 8), seed=0) < 0).any()


# -- concepts ----------------------------------------------------------------------------------


def test_skew_and_kurtosis_are_scipys() -> None:
    scores = np.random.default_rng(0).gamma(1.5, size=(50, 3))
    scores[:, 2] = 0.3  # constant
    skew, kurtosis = concept_quality.shape(scores)
    assert skew[:2] == pytest.approx(scipy.stats.skew(scores[:, :2]))
    assert kurtosis[:2] == pytest.approx(scipy.stats.kurtosis(scores[:, :2]))
    assert np.isnan([skew[2], kurtosis[2]]).all()


def test_separability_is_one_for_disjoint_classes_and_zero_for_equal_ones() -> None:
    classes = np.repeat([2, 5, 9], 8)
    apart = np.repeat([0.0, 4.0, 8.0], 8)
    same = np.tile(np.linspace(0, 1, 8), 3)
    found = concept_quality.separability(np.stack([apart, same, np.ones(24)], 1), classes, seed=0)
    assert found[:2] == pytest.approx([1, 0], abs=1e-7)
    assert np.isnan(found[2])


def test_separability_is_the_mean_over_pairs_by_hand() -> None:
    rng = np.random.default_rng(1)
    classes = np.repeat([0, 1, 2], 9)
    scores = rng.normal(classes[:, None], size=(27, 2))
    found = concept_quality.separability(scores, classes, seed=0)
    for k in range(2):
        edges = np.linspace(scores[:, k].min(), scores[:, k].max(), 21)
        p = [np.histogram(scores[classes == c, k], edges)[0] / 9 for c in range(3)]
        pairs = []
        for a, b in combinations(p, 2):
            m = (a + b) / 2
            jsd = (scipy.stats.entropy(a, m, 2) + scipy.stats.entropy(b, m, 2)) / 2
            pairs.append(jsd**0.5)
        assert found[k] == pytest.approx(np.mean(pairs))


def test_mean_cosine_is_that_of_all_pairs() -> None:
    rows = np.random.default_rng(2).normal(0.4, 1, size=(9, 5))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    by_hand = np.mean([unit[i] @ unit[j] for i, j in combinations(range(9), 2)])
    assert concept_quality.mean_cosine(rows) == pytest.approx(by_hand)
    assert np.isnan(concept_quality.mean_cosine(rows[:1]))


def test_planted_concept_is_more_alike_than_random_images() -> None:
    rng = np.random.default_rng(3)
    pooled = rng.normal(size=(80, 6))
    pooled[:24] = np.array([3.0, 0, 0, 1, 0, 0]) + 0.1 * rng.normal(size=(24, 6))
    assert concept_quality.mean_cosine(pooled[:24]) > 0.98
    assert concept_quality.mean_cosine(pooled) < 0.3


def test_shares_find_the_one_class_and_the_one_image() -> None:
    classes = np.array([0, 0, 1, 1, -1])
    scores = np.array([[1.0, 2, 0, 0, 4], [-5, 0, 0, 3, 0], [0, 0, 0, 0, 0]]).T
    by_class, by_image = concept_quality.shares(scores, classes)
    assert by_class[:2] == pytest.approx([1, 1])
    assert by_image[:2] == pytest.approx([4 / 7, 1])
    assert np.isnan([by_class[2], by_image[2]]).all()


def test_flags_name_what_is_odd() -> None:
    frequency = np.array([0, 0.0005, 0.4, 0.4, 1.0])
    density = np.array([0, 0.0001, 0.1, 0.1, 0.7])
    class_share = np.array([np.nan, 0.95, 0.5, 0.95, 0.2])
    image_share = np.array([np.nan, 1.0, 0.1, 0.1, 0.1])
    facts = concept_quality.Facts(
        frequency,
        density,
        class_share,
        image_share,
        border_share=np.array([np.nan, 0.95, 0.5, 0.2, 0.9]),
        place_share=np.array([np.nan, 0.3, 0.95, 0.2, 0.9]),
        nearest_cosine=np.array([np.nan, 0.2, 0.2, 0.96, 0.95]),
    )
    found = concept_quality.flags(facts, signed=False, n_classes=4, border_counts=True)
    assert found == [
        ["dead"],
        ["rare", "single class", "single image", "border"],
        ["fixed place"],
        ["single class", "near duplicate"],
        ["dense"],
    ]
    signed = concept_quality.flags(facts, signed=True, n_classes=1, border_counts=False)
    assert signed[1] == ["rare", "single image"]
    assert signed[3:] == [["near duplicate"], []]


# -- the store ---------------------------------------------------------------------------------


def test_store_holds_every_measure_of_every_bank(tiny_store: Path) -> None:
    with store.open_readonly(tiny_store) as con:
        rows = con.execute(
            "SELECT bank.name, measure, value, control, best, quality.n FROM quality "
            "JOIN bank USING (bank_id)"
        ).df()
        concept = con.execute("SELECT * FROM concept").df()
    by_bank = {bank: set(found["measure"]) for bank, found in rows.groupby("name")}
    directions = {"coherence_max", "coherence_mean", "effective_rank"}
    meaning = {"named", "name_auc", "separability", "monosemanticity"}
    everywhere = {"l0", "hoyer", "dead"} | directions | meaning
    rebuilt = {"r2", "relative_l2", "wasserstein", "ood", "readout"}
    assert by_bank["cav"] == everywhere | {"iou"}
    for bank in ("nmf", "sae"):  # the labels they match may have no mask
        assert by_bank[bank] - {"iou"} == everywhere | rebuilt
    assert (rows["n"] > 0).all()
    readout = rows[rows["measure"] == "readout"]
    assert readout["value"].between(0, 1).all()
    assert readout["best"].nunique() == 1
    assert set(concept.loc[concept["n_active"] == 0, "flags"]) <= {"dead"}
    alive = concept[concept["n_active"] > 1]
    assert alive["monosemanticity"].between(-1, 1).all()
    assert alive["monosemanticity_chance"].nunique() == 1
    assert (alive["monosemanticity_n"] <= 24).all()
