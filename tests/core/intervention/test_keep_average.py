"""A weight that is removed may leave behind what it gave an average image."""

from __future__ import annotations

import numpy as np

from core.intervention.head_edits import HeadEdit, apply
from core.metrics.perturbation import keep_average
from core.types import Head


def test_average_logits_stay_and_differences_by_the_removed_concept_go() -> None:
    rng = np.random.default_rng(0)
    head = Head(rng.normal(size=(4, 7)), rng.normal(size=4))
    scores = rng.random((30, 7))
    edited = apply(head, [HeadEdit("prune", 2), HeadEdit("scale", 5, 1, 0.5)])
    kept = keep_average(head, edited, scores.mean(0))
    before, after = (scores @ h.weight.T + h.bias for h in (head, kept))
    np.testing.assert_allclose(before.mean(0), after.mean(0))
    assert not np.allclose((scores @ edited.weight.T + edited.bias).mean(0), before.mean(0))
    other = scores.copy()
    other[:, 2] = rng.random(30)
    np.testing.assert_allclose(other @ kept.weight.T + kept.bias, after)
    np.testing.assert_array_equal(kept.weight, edited.weight)


def test_a_removed_average_can_turn_the_prediction_on_its_own() -> None:
    """Every image has the concept alike, so it says nothing; removing it must change nothing."""
    head = Head(np.array([[1.0, 2.0], [0.0, 0.0]]), np.array([0.0, 1.5]))
    scores = np.array([[0.1, 1.0], [-0.9, 1.0]])
    edited = apply(head, [HeadEdit("prune", 1)])
    assert (scores @ edited.weight.T + edited.bias).argmax(1).tolist() == [1, 1]
    kept = keep_average(head, edited, scores.mean(0))
    assert (scores @ kept.weight.T + kept.bias).argmax(1).tolist() == [0, 1]
    assert (scores @ head.weight.T + head.bias).argmax(1).tolist() == [0, 1]
