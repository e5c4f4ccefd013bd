"""Heads of several labels: refits, edits and curves beside slow twins, label by label."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from core import bottleneck
from core.intervention import curves, global_edits, head_edits, policies
from core.intervention.head_edits import HeadEdit
from core.intervention.refit import refit_each
from core.intervention.situation import Situation
from core.types import Head

N, K, Y = 90, 5, 3
LIMITS = np.array([0.3, 0.5, 0.7])


def data(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and labels of which about one in ten is unknown."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=(N, K)) * [1, 3, 0.2, 1, 1] + [0, 5, 0, -1, 0]
    y = (rng.random((N, Y)) < bottleneck.sigmoid(scores[:, :Y] - [0, 5, 0])).astype(float)
    y[rng.random((N, Y)) < 0.1] = np.nan
    return scores, y


def head(seed: int) -> Head:
    rng = np.random.default_rng(seed)
    return Head(rng.normal(size=(Y, K)), rng.normal(size=Y), link="sigmoid")


def said(z: float, y: int) -> bool:
    return 1 / (1 + math.exp(-z)) >= LIMITS[y]


def test_a_refit_is_a_logistic_regression_of_each_label_where_it_is_known() -> None:
    scores, y = data(0)
    found = refit_each(head(1), scores, y, strength=0.02)
    x = (scores - scores.mean(0)) / scores.std(0)
    for j in range(Y):
        known = ~np.isnan(y[:, j])
        theirs = LogisticRegression(C=1 / (0.02 * known.sum()), tol=1e-8, max_iter=5000)
        theirs.fit(x[known], y[known, j] == 1)
        np.testing.assert_allclose(
            bottleneck.sigmoid(bottleneck.logits(found, scores)[:, j]),
            theirs.predict_proba(x)[:, 1],
            atol=1e-4,
        )


def test_a_refit_brings_nothing_back_and_leaves_what_cannot_be_learnt() -> None:
    scores, y = data(2)
    y[:, 2] = np.where(np.isnan(y[:, 2]), np.nan, 0.0)
    before = head(3)
    pruned = head_edits.apply(before, [HeadEdit("prune", 1)])
    found = refit_each(pruned, scores, y)
    assert ((found.weight != 0) == (pruned.weight != 0)).all()
    np.testing.assert_array_equal(found.weight[2], pruned.weight[2])
    assert found.bias[2] == pruned.bias[2]
    assert not np.allclose(found.weight[0], pruned.weight[0])
    with pytest.raises(ValueError, match="none of the 3 labels of these 90 images"):
        refit_each(pruned, scores, np.zeros((N, Y)))


def test_a_refit_of_a_residual_head_stands_on_its_rest() -> None:
    scores, y = data(4)
    rest = 6 * np.nan_to_num(2 * y - 1)
    plain = Head(np.full((Y, K), 0.1), np.zeros(Y), link="sigmoid")
    found = refit_each(
        Head(plain.weight, plain.bias, residual=True, link="sigmoid"), scores, y, rest=rest
    )
    assert found.residual
    # the rest already says everything, so little is left to fit
    alone = refit_each(plain, scores, y)
    assert np.abs(found.weight).sum() < 0.4 * np.abs(alone.weight).sum()


def test_a_preview_equals_running_the_edited_head_on_every_label() -> None:
    scores, y = data(5)
    rest = np.random.default_rng(6).normal(size=(N, Y))
    old = Head(head(7).weight, head(7).bias, residual=True, link="sigmoid")
    edited = head_edits.apply(old, [HeadEdit("prune", 0), HeadEdit("set", 3, 1, 2.0)])
    splits = np.where(np.arange(N) < 40, "train", "test")
    before, after = (bottleneck.logits(h, scores, rest) for h in (old, edited))
    known = curves.Known(y, LIMITS)
    found = global_edits.preview_each(
        old, edited, scores=scores, logits=before, labels=known, splits=splits
    )

    right = [[0] * N, [0] * N]
    flipped = set()
    for i in range(N):
        for j in range(Y):
            both = said(before[i, j], j), said(after[i, j], j)
            if both[0] != both[1]:
                flipped.add(i)
            if not np.isnan(y[i, j]):
                right[0][i] += both[0] == bool(y[i, j])
                right[1][i] += both[1] == bool(y[i, j])
    assert found.right.tolist() == right
    assert found.flipped.tolist() == sorted(flipped)
    assert found.gained.tolist() == [i for i in range(N) if right[1][i] > right[0][i]]
    assert found.lost.tolist() == [i for i in range(N) if right[1][i] < right[0][i]]
    assert len(found.gained)
    assert len(found.lost)
    for name in ("train", "test"):
        change, rows = found.by_split[name], splits == name
        slow, commoner, n = [[], []], 0, 0
        for j in range(Y):
            mine = rows & ~np.isnan(y[:, j])
            for out, z in zip(slow, (before, after), strict=True):
                out.append(roc_auc_score(y[mine, j], z[mine, j]))
            shown = int(y[mine, j].sum())
            commoner, n = commoner + max(shown, int(mine.sum()) - shown), n + int(mine.sum())
            assert change.n[j] == mine.sum()
            assert change.n_positive[j] == shown
        np.testing.assert_allclose(change.areas, slow)
        assert change.means == pytest.approx((np.mean(slow[0]), np.mean(slow[1])))
        assert change.gain.value == pytest.approx(np.mean(slow[1]) - np.mean(slow[0]))
        assert change.gain.lo < change.gain.value < change.gain.hi
        assert change.chance == pytest.approx(commoner / n)
        assert change.judged == Y


@pytest.mark.parametrize("groups", [None, np.array([4, 4, 1, 4, 2])])
def test_a_curve_equals_setting_scores_and_reading_every_label(groups: np.ndarray | None) -> None:
    scores, y = data(8)
    rng = np.random.default_rng(9)
    values, rest = rng.normal(size=(N, K)), rng.normal(size=(N, Y))
    own = Head(head(10).weight, head(10).bias, residual=True, link="sigmoid")
    ids = np.arange(K) if groups is None else groups
    distinct = np.unique(ids)
    order = np.argsort(rng.random((N, len(distinct))), axis=1)

    known = curves.Known(y, LIMITS)
    found = curves.curve_each(own, scores, values, order, labels=known, rest=rest, groups=groups)

    now, n_set = scores.copy(), np.zeros(N)
    for step in range(len(distinct) + 1):
        if step:
            for i in range(N):
                for k in np.flatnonzero(ids == distinct[order[i, step - 1]]):
                    now[i, k] = values[i, k]
                    n_set[i] += 1
        z = bottleneck.logits(own, now, rest)
        areas, losses = [], []
        for j in range(Y):
            mine = ~np.isnan(y[:, j])
            p = 1 / (1 + np.exp(-z[mine, j]))
            shown = y[mine, j] == 1
            areas.append(roc_auc_score(shown, p))
            losses.append(-np.log2(np.where(shown, p, 1 - p)).mean())
        assert found.auc[step] == pytest.approx(np.mean(areas))
        assert found.loss[step] == pytest.approx(np.mean(losses))
        assert found.corrected[step] == pytest.approx(n_set.mean())
        for i in range(N):
            told = sum(said(z[i, j], j) == bool(y[i, j]) for j in range(Y) if not np.isnan(y[i, j]))
            assert found.right[step, i] == told
    shares = [np.nanmean(y[:, j]) for j in range(Y)]
    chance = np.mean([-(p * math.log2(p) + (1 - p) * math.log2(1 - p)) for p in shares])
    assert found.chance == pytest.approx(chance)
    assert found.n_labels == Y
    assert set(found.gained(1)) == set(np.flatnonzero(found.right[1] > found.right[0]))
    with pytest.raises(ValueError, match="a label is known"):
        curves.curve_each(
            own, scores, values, order, labels=known._replace(y=np.full((N, Y), np.nan)), rest=rest
        )


@pytest.fixture
def situation() -> Situation:
    scores, y = data(11)
    rng = np.random.default_rng(12)
    return Situation(
        head=head(13),
        scores=scores[:12],
        presence=rng.random((12, K)),
        present=np.arange(K) + 1.0,
        absent=-rng.random(K),
        truth=(rng.random((12, K)) < 0.5).astype(float),
        values=rng.normal(size=(12, K)),
        targets=y[:12],
    )


def test_greedy_takes_what_then_makes_known_labels_most_probable(situation: Situation) -> None:
    s = situation
    assert s.values is not None
    assert s.targets is not None
    found = policies.order("greedy", s)
    for i in range(12):
        now, left = s.scores[i].copy(), list(range(K))
        for step in range(K):
            best, at = math.inf, -1
            for k in left:
                tried = now.copy()
                tried[k] = s.values[i, k]
                loss = 0.0
                for j in range(Y):
                    z = float(s.head.weight[j] @ tried + s.head.bias[j])
                    if not np.isnan(s.targets[i, j]):
                        loss += math.log1p(math.exp(-z if s.targets[i, j] else z))
                if loss < best - 1e-12:
                    best, at = loss, k
            assert found[i, step] == at
            now[at] = s.values[i, at]
            left.remove(at)


def test_every_policy_orders_every_concept_of_a_head_of_several_labels(
    situation: Situation,
) -> None:
    for name in policies.POLICIES:
        order = policies.order(name, situation)
        np.testing.assert_array_equal(np.sort(order, 1), np.tile(np.arange(K), (12, 1)))


def test_influence_is_summed_over_labels(situation: Situation) -> None:
    s = situation
    found = policies.influence(s)
    for i in range(12):
        for k in range(K):
            slow = sum(abs(s.head.weight[y, k] * (s.present[k] - s.absent[k])) for y in range(Y))
            assert found[i, k] == pytest.approx(slow)
