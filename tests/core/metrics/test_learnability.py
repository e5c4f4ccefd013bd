"""Probes learn what is there, no more, and say how sure they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from core.metrics import learnability, probes
from data import store

ONE_FOLD = np.zeros(40, dtype=np.int64)


def _problem(seed: int = 0, n: int = 60, d: int = 5, t: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = probes.standardised(rng.normal(size=(n, d)))
    y = (x @ rng.normal(size=(d, t)) + rng.logistic(size=(n, t)) > [0.0, 1.0, 2.0]).astype(float)
    return x, y


def _at_strength(
    c: float, x: np.ndarray, y: np.ndarray, fold: np.ndarray, fold_of: np.ndarray
) -> np.ndarray:
    """Held-out logits where there is but one strength to choose."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probes, "STRENGTHS", (c,))
        return probes.held_out_logits(x, y, fold, fold_of=fold_of)


@pytest.mark.parametrize(
    ("d", "c", "near"),
    [
        (5, 0.03, 2e-3),
        (5, 1.0, 2e-3),
        (5, 5.0, 2e-3),
        (90, 0.001, 2e-3),
        (90, 1.0, 2e-3),
        (90, 5.0, 0.3),
    ],
)
def test_many_probes_at_once_are_scikit_learns_one_by_one(d: int, c: float, near: float) -> None:
    """More channels than images and hardly a penalty: the steps end a little short, of 6."""
    x, y = _problem(d=d)
    y[::8] = np.nan
    fold_of = np.zeros(60, dtype=np.int64)
    fold_of[4::8] = 1
    found = _at_strength(c, x[None], y[None], np.ones((1, 3), dtype=np.int64), fold_of)[0]
    known = ~np.isnan(y[:, 0]) & (fold_of == 0)
    for j in range(3):
        model = LogisticRegression(C=c, tol=1e-10, max_iter=5000).fit(x[known], y[known, j])
        assert found[:, j] == pytest.approx(model.decision_function(x), abs=near)


def test_probes_with_features_of_their_own_agree_with_shared_ones() -> None:
    x, y = _problem()
    fold_of = probes.folds(np.zeros(60, dtype=np.int64), n=5, seed=1)
    fold = np.array([[0, 2, 4]])
    shared = probes.held_out_logits(x[None], y[None], fold, fold_of=fold_of)[0]
    of = np.ascontiguousarray(y.T[:, :, None])
    own = probes.held_out_logits(np.repeat(x[None], 3, 0), of, fold.T, fold_of=fold_of)
    assert np.allclose(own[:, :, 0].T, shared, atol=1e-9)


def test_an_image_is_never_judged_by_a_probe_that_saw_its_label() -> None:
    x, y = _problem()
    fold_of = probes.folds(np.zeros(60, dtype=np.int64), n=5, seed=1)
    fold = np.full((1, 3), 2)
    before = probes.held_out_logits(x[None], y[None], fold, fold_of=fold_of)
    changed = y.copy()
    changed[fold_of == 2] = 1 - changed[fold_of == 2]
    after = probes.held_out_logits(x[None], changed[None], fold, fold_of=fold_of)
    assert np.array_equal(before, after)


def test_the_strength_is_chosen_on_images_set_apart_and_they_are_not_judged() -> None:
    """The last label is known of one kind there alone, so that the next fold still chooses."""
    x, y = _problem(d=20)
    fold_of = probes.folds(np.zeros(60, dtype=np.int64), n=4, seed=1)
    fold_of[:24] = probes.CHOSEN_ON
    y[:24, 2] = 0
    found = probes.ranked(x[None].astype(np.float32), y, fold_of)
    assert np.isnan(found[:24]).all()
    judged = slice(24, None)
    for j in range(2):
        losses = []
        for c in probes.STRENGTHS:
            fitted = np.where(fold_of < 0, np.nan, y[:, j])[None, :, None]
            z = _at_strength(c, x[None], fitted, np.array([[2]]), fold_of)[0, :24, 0]
            losses.append((np.logaddexp(0, z) - y[:24, j] * z).sum())
        c = probes.STRENGTHS[int(np.argmin(losses))]
        own = _at_strength(c, x[None], fitted, np.array([[2]]), fold_of)[0, :, 0]
        assert found[fold_of == 2, j] == pytest.approx(own[fold_of == 2], abs=1e-3)
    # what is known of them changes strengths and nothing else
    noise = y.copy()
    noise[:24] = np.random.default_rng(0).permutation(y[:24])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probes, "STRENGTHS", (1.0,))
        one, two = (probes.ranked(x[None].astype(np.float32), z, fold_of) for z in (y, noise))
    assert np.array_equal(one[judged], two[judged])
    alone = probes.ranked(x[None].astype(np.float32), np.where(fold_of < 0, np.nan, y.T).T, fold_of)
    assert np.allclose(found[judged, 2], alone[judged, 2])
    assert not np.allclose(found[judged, :2], alone[judged, :2])


@pytest.mark.parametrize("d", [5, 90])
def test_the_strength_is_the_best_on_the_next_fold(d: int) -> None:
    x, y = _problem(d=d, t=3)
    y[:, 2] = np.random.default_rng(3).permutation(y[:, 2])  # nothing to learn
    fold_of = probes.folds(np.zeros(60, dtype=np.int64), n=5, seed=1)
    found = probes.held_out_logits(x[None], y[None], np.full((1, 3), 2), fold_of=fold_of)[0]
    chosen = []
    for j in range(3):
        losses = []
        for c in probes.STRENGTHS:
            fitted = np.where(fold_of == 3, np.nan, y[:, j])[None, :, None]
            z = _at_strength(c, x[None], fitted, np.array([[2]]), fold_of)[0, :, 0]
            losses.append(np.logaddexp(0, -z * (2 * y[:, j] - 1))[fold_of == 3].sum())
        chosen.append(probes.STRENGTHS[int(np.argmin(losses))])
        kept = y[None, :, j : j + 1]
        expected = _at_strength(chosen[-1], x[None], kept, np.array([[2]]), fold_of)
        assert found[:, j] == pytest.approx(expected[0, :, 0], abs=1e-6)
    assert len(set(chosen)) > 1


def test_folds_spread_every_group() -> None:
    groups = np.repeat([3, 7, 9], [10, 15, 21])
    found = probes.folds(groups, n=5, seed=2)
    for group in (3, 7, 9):
        counts = np.bincount(found[groups == group], minlength=5)
        assert counts.max() - counts.min() <= 1


def test_normalised_precision_of_a_perfect_ranking_is_one() -> None:
    positive = np.arange(40) < 6
    scores = -np.arange(40.0)
    for expected in (2.0, 20.0):
        found = learnability.normalised_precision(scores, positive, expected=expected)
        assert found == pytest.approx(1)


def test_normalised_precision_without_information_is_the_base() -> None:
    rng = np.random.default_rng(4)
    positive = rng.random(4000) < 0.05
    expected = 400.0
    found = learnability.normalised_precision(rng.random(4000), positive, expected=expected)
    assert found == pytest.approx(expected / (expected + (~positive).sum()), abs=0.02)
    # equal scores share one threshold
    tied = learnability.normalised_precision(np.zeros(4000), positive, expected=expected)
    assert tied == pytest.approx(expected / (expected + (~positive).sum()))


def test_normalised_precision_with_its_own_count_is_average_precision() -> None:
    rng = np.random.default_rng(5)
    positive = rng.random(50) < 0.3
    scores = positive + rng.normal(size=50)
    found = learnability.normalised_precision(scores, positive, expected=float(positive.sum()))
    assert found == pytest.approx(average_precision_score(positive, scores))


def test_auc_in_one_fold_is_scikit_learns_and_its_ends_are_just_not_told_from_it() -> None:
    """Newcombe's method 5: each end lies 1.96 of its own standard errors away."""
    rng = np.random.default_rng(6)
    y = np.repeat([0.0, 1.0], [25, 15])
    scores = np.round(y + rng.normal(size=40), 1)  # with ties
    found = learnability.auc(learnability.placements(scores, y, ONE_FOLD))
    assert found.value == pytest.approx(roc_auc_score(y, scores))
    wins = (scores[y == 1][:, None] > scores[y == 0]) + 0.5 * (
        scores[y == 1][:, None] == scores[y == 0]
    )
    error = (wins.mean(1).var(ddof=1) / 15 + wins.mean(0).var(ddof=1) / 25) ** 0.5

    def own(area: float) -> float:
        mid = (15 + 25) / 2 - 1
        spread = 1 + mid * (1 - area) / (2 - area) + mid * area / (1 + area)
        return float((area * (1 - area) * spread / (15 * 25)) ** 0.5)

    larger = max(1.0, error / own(found.value))
    for end in (found.lo, found.hi):
        assert abs(found.value - end) == pytest.approx(1.959964 * larger * own(end), rel=1e-6)
    assert found.lo < found.value < found.hi


SETS = 1000


@pytest.mark.parametrize(("n_positive", "n", "folds"), [(6, 700, 1), (6, 300, 3), (10, 50, 2)])
@pytest.mark.parametrize("apart", [0.0, 2.0])
def test_intervals_cover_the_truth_as_often_as_they_say(
    n_positive: int, n: int, folds: int, apart: float
) -> None:
    """Of two rankings as good as each other, and of one; few positives included."""
    rng = np.random.default_rng(7)
    y = np.repeat([1.0, 0.0], [n_positive, n - n_positive])
    fold = np.concatenate([np.arange(n_positive), np.arange(n - n_positive)]) % folds
    truth = float(norm.cdf(apart / 2**0.5))
    held, gains = 0, 0
    for _ in range(SETS):
        both = 0.7 * rng.normal(size=n) + 0.51**0.5 * rng.normal(size=(2, n)) + apart * y
        one, other = (learnability.placements(scores, y, fold) for scores in both)
        interval, gain = learnability.auc(one), learnability.auc_gain(one, other)
        held += interval.lo <= truth <= interval.hi
        gains += gain.lo <= 0 <= gain.hi
    assert 0.935 <= held / SETS <= 0.99
    assert gains / SETS >= 0.935


def test_perfect_auc_of_few_images_is_not_certain() -> None:
    y = np.array([0.0, 0, 0, 1, 1])
    found = learnability.auc(learnability.placements(y, y, np.zeros(5, dtype=np.int64)))
    assert found.value == found.hi == 1
    assert 0.2 < found.lo < 0.7


def test_gain_of_one_positive_is_unknown() -> None:
    y = np.array([0.0, 0, 0, 1])
    one, other = (
        learnability.placements(scores, y, np.zeros(4, dtype=np.int64))
        for scores in (np.array([0.0, 1, 3, 2]), np.array([0.0, 1, 2, 3]))
    )
    assert learnability.auc_gain(one, other)[1:] == (-1, 1)
    assert learnability.auc_gain(one, one) == (0, -1, 1)


def test_images_are_ranked_within_their_fold_only() -> None:
    y = np.array([0.0, 1, 0, 1])
    scores = np.array([0.0, 1, 10, 11])
    fold = np.array([0, 0, 1, 1])
    assert learnability.auc(learnability.placements(scores, y, fold)).value == 1
    alone = learnability.placements(scores, y, np.array([0, 0, 1, 2]))
    assert np.isnan(alone.value).tolist() == [False, False, True, True]


def test_gain_over_itself_is_exactly_nothing() -> None:
    y = np.repeat([0.0, 1.0], 20)
    place = learnability.placements(y + np.sin(np.arange(40)), y, ONE_FOLD)
    assert learnability.auc_gain(place, place) == (0, 0, 0)
    noise = learnability.placements(np.cos(np.arange(40.0)), y, ONE_FOLD)
    assert learnability.auc_gain(noise, place).hi < 0


def test_store_probes_every_label_plainly_and_through_every_bank(tiny_store: Path) -> None:
    with store.open_readonly(tiny_store) as con:
        rows = con.execute("SELECT * FROM probe").df()
        (n_test,) = con.execute("SELECT count(*) FROM image WHERE split = 'test'").fetchone() or ()
        banks = con.execute("SELECT bank_id, n_concepts FROM bank").fetchall()
    raw = rows[rows["bank_id"].isna()]
    assert set(raw["kind"]) == {"raw"}
    assert raw["gain"].isna().all()
    assert (raw["labelled_id"].isna() != raw["class_id"].isna()).all()
    for bank_id, n_concepts in banks:
        mine = rows[rows["bank_id"] == bank_id]
        assert mine["kind"].value_counts().to_dict() == {"latent": len(raw), "top": len(raw)}
        chosen = mine.loc[mine["kind"] == "latent", "concept_id"]
        assert chosen.between(0, n_concepts - 1).all()
    assert (rows["auc_lo"] <= rows["auc"]).all()
    assert (rows["auc"] <= rows["auc_hi"]).all()
    assert rows[["auc", "nap", "auc_lo", "auc_hi"]].stack().between(0, 1).all()
    assert (rows["n"] <= n_test).all()
    assert (rows["n_positive"] < rows["n"]).all()
