"""Which concept first, to what value, and how the accuracy follows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import reference_cbm as slow

from core import bottleneck
from core.intervention import curves, policies
from core.intervention.situation import Situation
from core.types import Head

N, K, Y = 13, 7, 4
GROUPS = np.array([5, 2, 5, 9, 2, 5, 7])


@pytest.fixture
def situation() -> Situation:
    rng = np.random.default_rng(11)
    truth = (rng.random((N, K)) < 0.5).astype(float)
    scores = truth * 1.2 + rng.normal(size=(N, K))
    head = Head(rng.normal(size=(Y, K)), 0.1 * rng.normal(size=Y))
    present, absent = np.full(K, 1.5) + rng.random(K), -rng.random(K)
    values = np.where(truth == 1, present, absent)
    return Situation(
        head=head,
        scores=scores,
        presence=1 / (1 + np.exp(-scores)),
        present=present,
        absent=absent,
        truth=truth,
        values=values,
        classes=bottleneck.logits(head, values).argmax(1),
    )


@pytest.mark.parametrize("groups", [None, GROUPS])
@pytest.mark.parametrize("name", policies.POLICIES)
def test_every_order_lists_every_group_once_by_descending_usefulness(
    name: str, groups: np.ndarray | None, situation: Situation
) -> None:
    s = replace(situation, groups=groups)
    order = policies.order(name, s)
    n_groups = K if groups is None else 4
    np.testing.assert_array_equal(np.sort(order, 1), np.tile(np.arange(n_groups), (N, 1)))
    useful = policies.POLICIES[name].usefulness(s)
    if groups is not None:
        useful = np.stack([useful[:, groups == g].mean(1) for g in np.unique(groups)], 1)
    assert (np.diff(np.take_along_axis(useful, order, 1)) <= 1e-12).all()


def test_usefulness_equals_the_definitions(situation: Situation) -> None:
    s = situation
    w, useful = s.head.weight, {n: p.usefulness(s) for n, p in policies.POLICIES.items()}
    for i in range(N):
        best = int(slow.logits(w, s.head.bias, s.scores[i]).argmax())
        for k in range(K):
            p = float(s.presence[i, k])
            doubt = slow.entropy(np.array([p, 1 - p]))
            influence = abs(w[best, k] * (s.present[k] - s.absent[k]))
            expected = {
                "uncertainty": doubt,
                "contribution": abs(s.scores[i, k]) * sum(abs(w[y, k]) for y in range(Y)),
                "cooperative": doubt * influence,
                "concept loss": (p - s.truth[i, k]) ** 2,
                "expected gain": slow.expected_gain(
                    w,
                    s.head.bias,
                    s.scores[i],
                    k,
                    chance=p,
                    present=float(s.present[k]),
                    absent=float(s.absent[k]),
                ),
            }
            for name, value in expected.items():
                assert useful[name][i, k] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_greedy_equals_trying_everything_at_every_step(
    groups: np.ndarray | None, situation: Situation
) -> None:
    s = replace(situation, groups=groups)
    order = policies.order("greedy", s)
    ids = np.arange(K) if groups is None else groups
    for i in range(N):
        expected = slow.greedy(
            s.head.weight, s.head.bias, s.scores[i], s.values[i], int(s.classes[i]), ids
        )
        assert order[i].tolist() == expected


def test_greedy_survives_logits_that_overflow(situation: Situation) -> None:
    head = Head(situation.head.weight * 300, situation.head.bias)
    classes = bottleneck.logits(head, situation.values).argmax(1)
    s = replace(situation, head=head, classes=classes)
    order = policies.order("greedy", s)
    np.testing.assert_array_equal(np.sort(order, 1), np.tile(np.arange(K), (N, 1)))
    found = curves.curve(head, s.scores, s.values, order, classes=classes)
    assert found.probability[-1] == pytest.approx(1)


def test_greedy_tells_apart_what_single_precision_cannot() -> None:
    head = Head(np.array([[0.0, 0.0, 0.0], [100.0, -5.0, -10.0]]), np.zeros(2))
    zeros = np.zeros((1, 3))
    s = Situation(
        head,
        zeros,
        zeros + 0.5,
        np.ones(3),
        np.zeros(3),
        truth=zeros,
        values=zeros + 1.0,
        classes=np.array([0]),
    )
    assert policies.order("greedy", s).tolist() == [[2, 1, 0]]


def test_random_repeats_with_its_seed(situation: Situation) -> None:
    again = policies.order("random", replace(situation, seed=3))
    np.testing.assert_array_equal(again, policies.order("random", replace(situation, seed=3)))
    assert (again != policies.order("random", replace(situation, seed=4))).any()


def test_policies_that_need_truth_say_so(situation: Situation) -> None:
    s = replace(situation, truth=None)
    for name in ("concept loss", "greedy"):
        with pytest.raises(ValueError, match="needs ground truth"):
            policies.order(name, s)
    with pytest.raises(ValueError, match="choose from cooperative"):
        policies.order("psychic", s)
    with pytest.raises(ValueError, match="values to set"):
        policies.order("greedy", replace(situation, values=None))


def test_concepts_of_unknown_truth_come_last(situation: Situation) -> None:
    truth = situation.truth.copy()
    truth[:, 2] = np.nan
    order = policies.order("concept loss", replace(situation, truth=truth))
    assert (order[:, -1] == 2).all()


def test_concepts_of_unknown_level_come_last_and_spoil_no_group(situation: Situation) -> None:
    present = situation.present.copy()
    present[[2, 3]] = np.nan
    s = replace(situation, present=present)
    for name in ("cooperative", "expected gain"):
        assert set(policies.order(name, s)[:, -2:].ravel()) == {2, 3}
        grouped = policies.order(name, replace(s, groups=GROUPS))
        assert (grouped[:, -1] == 3).all()  # concept 3 is all of group 9
        without = policies.POLICIES[name].usefulness(s)[:, [0, 5]].mean(1)
        other = policies.POLICIES[name].usefulness(s)[:, 6]
        first = [list(row).index(1) < list(row).index(2) for row in grouped]  # 5 before 7
        np.testing.assert_array_equal(first, without >= other)


@pytest.mark.parametrize("groups", [None, GROUPS])
def test_a_curve_equals_setting_scores_and_running_the_head(
    groups: np.ndarray | None, situation: Situation
) -> None:
    s = replace(situation, groups=groups)
    rest = np.random.default_rng(1).normal(size=(N, Y))
    head = Head(s.head.weight, s.head.bias, residual=True)
    order = policies.order("uncertainty", s)
    found = curves.curve(
        head, s.scores, s.values, order, classes=s.classes, rest=rest, groups=groups
    )
    ids = np.arange(K) if groups is None else np.unique(groups, return_inverse=True)[1]
    now = s.scores.copy()
    previous = None
    for step in range(order.shape[1] + 1):
        if step:
            chosen = ids == order[:, [step - 1]]
            now = np.where(chosen, s.values, now)
        z = bottleneck.logits(head, now, rest)
        best = z.argmax(1)
        np.testing.assert_array_equal(found.predicted[step], best)
        assert found.accuracy[step] == pytest.approx((best == s.classes).mean())
        p = bottleneck.probabilities(z)[np.arange(N), s.classes].mean()
        assert found.probability[step] == pytest.approx(p, rel=1e-12)
        if previous is not None:
            right, was = best == s.classes, previous == s.classes
            assert found.gained(step).tolist() == np.flatnonzero(right & ~was).tolist()
            assert found.lost(step).tolist() == np.flatnonzero(~right & was).tolist()
            assert found.flipped(step).tolist() == np.flatnonzero(best != previous).tolist()
        previous = best
    assert found.corrected[0] == 0
    assert found.corrected[-1] == K


def test_all_corrected_equals_the_head_on_the_true_values(situation: Situation) -> None:
    s = situation
    for name in policies.POLICIES:
        order = policies.order(name, s)
        found = curves.curve(s.head, s.scores, s.values, order, classes=s.classes)
        assert found.accuracy[-1] == 1
        assert found.chance == np.bincount(s.classes).max() / N


def test_correcting_to_what_is_there_changes_nothing(situation: Situation) -> None:
    s = situation
    order = policies.order("random", s)
    found = curves.curve(s.head, s.scores, s.scores, order, classes=s.classes)
    assert (found.predicted == found.predicted[0]).all()
    np.testing.assert_array_equal(found.probability, found.probability[0])


def test_greedy_beats_random_on_average(situation: Situation) -> None:
    s = situation
    greedy = curves.curve(
        s.head, s.scores, s.values, policies.order("greedy", s), classes=s.classes
    )
    for seed in range(5):
        order = policies.order("random", replace(s, seed=seed))
        other = curves.curve(s.head, s.scores, s.values, order, classes=s.classes)
        assert (greedy.probability >= other.probability - 1e-12)[:2].all()
        assert greedy.probability.mean() > other.probability.mean()


def test_a_curve_refuses_no_images_and_foreign_classes(situation: Situation) -> None:
    s = situation
    order = policies.order("random", s)
    with pytest.raises(ValueError, match="at least one image"):
        curves.curve(s.head, s.scores[:0], s.values[:0], order[:0], classes=s.classes[:0])
    with pytest.raises(ValueError, match=r"0\.\.3"):
        curves.curve(s.head, s.scores, s.values, order, classes=s.classes - 4)
