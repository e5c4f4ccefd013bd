"""The smallest edit flips, and nothing smaller does."""

from __future__ import annotations

import numpy as np
import pytest

from core import bottleneck
from core.intervention import fewest_edits
from core.intervention.smallest_edit import single
from core.types import Head

N, K, Y = 29, 6, 4


@pytest.fixture
def head() -> Head:
    rng = np.random.default_rng(21)
    return Head(rng.normal(size=(Y, K)), rng.normal(size=Y))


@pytest.fixture
def scores() -> np.ndarray:
    return np.random.default_rng(22).normal(size=(N, K))


def predicted(head: Head, row: np.ndarray, concept: int, changes: np.ndarray) -> np.ndarray:
    """The class after each change of one concept."""
    edited = np.tile(row, (len(changes), 1))
    edited[:, concept] += changes
    return bottleneck.logits(head, edited).argmax(1)


def test_the_smallest_edit_flips_and_a_slightly_smaller_one_does_not(
    head: Head, scores: np.ndarray
) -> None:
    for row in scores:
        z = bottleneck.logits(head, row)
        found = single(head, z, row)
        for k in range(K):
            change = found.change[[k]]
            assert predicted(head, row, k, change)[0] == found.becomes[k] != z.argmax()
            # nothing on the way there, on either side
            shares = np.linspace(-1, 1, 41) * (1 - 1e-6)
            assert (predicted(head, row, k, change * shares) == z.argmax()).all()


def test_a_target_is_reached_by_the_smallest_change_or_not_at_all(
    head: Head, scores: np.ndarray
) -> None:
    grid = np.linspace(-40, 40, 4001)
    for row in scores[:8]:
        z = bottleneck.logits(head, row)
        anything = single(head, z, row)
        for target in range(Y):
            found = single(head, z, row, target=target)
            for k in range(K):
                hits = np.abs(grid[predicted(head, row, k, grid) == target])
                if np.isnan(found.change[k]):
                    assert not hits.size
                    assert found.becomes[k] == -1
                    continue
                assert found.becomes[k] == target
                assert abs(found.change[k]) <= hits.min(initial=np.inf) + 1e-6
                assert predicted(head, row, k, found.change[[k]])[0] == target
                assert target == z.argmax() or abs(found.change[k]) >= abs(anything.change[k])
        assert (single(head, z, row, target=int(z.argmax())).change == 0).all()


def test_edits_stay_within_the_observed_range(head: Head, scores: np.ndarray) -> None:
    low, high = scores.min(0), scores.max(0)
    for row in scores:
        z = bottleneck.logits(head, row)
        free, bound = single(head, z, row), single(head, z, row, low=low, high=high)
        inside = (row + free.change >= low) & (row + free.change <= high)
        np.testing.assert_array_equal(bound.change[inside], free.change[inside])
        kept = ~np.isnan(bound.change)
        assert (row + bound.change >= low)[kept].all()
        assert (row + bound.change <= high)[kept].all()


def test_a_concept_without_weight_cannot_flip_anything(head: Head, scores: np.ndarray) -> None:
    head.weight[:, 2] = 0.7
    found = single(head, bottleneck.logits(head, scores[0]), scores[0])
    assert np.isnan(found.change[2])
    assert found.becomes[2] == -1
    only = Head(head.weight[:1], head.bias[:1])
    assert np.isnan(single(only, bottleneck.logits(only, scores[0]), scores[0]).change).all()
    with pytest.raises(IndexError, match=r"no class 4: the head has 0\.\.3"):
        single(head, bottleneck.logits(head, scores[0]), scores[0], target=4)


def test_a_class_that_another_always_leads_is_never_reached(head: Head, scores: np.ndarray) -> None:
    head.weight[1], head.bias[1] = head.weight[0], head.bias[0] - 0.5
    found = single(head, bottleneck.logits(head, scores[0]), scores[0], target=1)
    assert np.isnan(found.change).all()
    assert (found.becomes == -1).all()


def test_several_edits_flip_with_the_fewest_concepts(head: Head, scores: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    far = Head(head.weight, head.bias + np.array([6.0, 0, 0, 0]))
    low, high = scores.min(0), scores.max(0)
    sizes = set()
    for row in scores:
        z = bottleneck.logits(far, row)
        steps = fewest_edits.several(far, z, row, low=low, high=high, most=K)
        assert steps is not None
        sizes.add(len(steps))
        edits = {s.concept: float(row[s.concept]) + s.change for s in steps}
        after = bottleneck.intervene(row, edits)
        assert (after >= low - 1e-9).all()
        assert (after <= high + 1e-9).all()
        assert bottleneck.logits(far, after).argmax() != z.argmax()
        less = dict(edits)
        last = steps[-1]
        less[last.concept] = float(row[last.concept]) + last.change * (1 - 1e-6)
        assert bottleneck.logits(far, bottleneck.intervene(row, less)).argmax() == z.argmax()
        for _ in range(200):  # fewer concepts never do
            columns = rng.choice(K, len(steps) - 1, replace=False)
            tried = row.copy()
            tried[columns] = np.where(rng.random(len(columns)) < 0.5, low[columns], high[columns])
            assert bottleneck.logits(far, tried).argmax() == z.argmax()
    assert max(sizes) > 1


def test_several_edits_towards_a_target_reach_it_or_give_up(head: Head, scores: np.ndarray) -> None:
    low, high = scores.min(0), scores.max(0)
    reached = 0
    for row in scores:
        z = bottleneck.logits(head, row)
        for target in range(Y):
            steps = fewest_edits.several(head, z, row, low=low, high=high, target=target)
            if steps is None:
                continue
            reached += len(steps) > 1
            after = row.copy()
            for step in steps:
                after[step.concept] += step.change
            assert bottleneck.logits(head, after).argmax() == target
            assert bool(steps) == (target != z.argmax())
    assert reached
    row, z = scores[0], bottleneck.logits(head, scores[0])
    assert fewest_edits.several(head, z, row, low=row, high=row) is None
    with pytest.raises(ValueError, match="finite range"):
        fewest_edits.several(head, z, row, low=low, high=np.full(K, np.inf))
