"""A refit finds the best weights among those that are left, and brings nothing back."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from core import bottleneck
from core.intervention.refit import refit
from core.types import Head

N, K, Y = 90, 5, 3


def data(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    classes = np.arange(N) % Y
    scores = rng.normal(size=(N, K)) * [1, 3, 0.2, 1, 1] + [0, 5, 0, -1, 0]
    scores[np.arange(N), classes] += 1.5
    return scores, classes


def test_the_optimum_is_that_of_logistic_regression_on_standardised_scores() -> None:
    scores, classes = data()
    head = Head(np.ones((Y, K)), np.zeros(Y))
    found = refit(head, scores, classes, strength=0.02)
    x = (scores - scores.mean(0)) / scores.std(0)
    theirs = LogisticRegression(C=1 / (0.02 * N), tol=1e-8, max_iter=5000).fit(x, classes)
    np.testing.assert_allclose(
        bottleneck.probabilities(bottleneck.logits(found, scores)),
        theirs.predict_proba(x),
        atol=1e-4,
    )


def test_what_was_pruned_stays_pruned_and_the_rest_makes_up_for_it() -> None:
    scores, classes = data(1)
    weight = np.random.default_rng(2).normal(size=(Y, K))
    weight[:, 1] = 0
    weight[0, 3] = 0
    head = Head(weight, np.zeros(Y))
    found = refit(head, scores, classes)
    assert (found.weight[:, 1] == 0).all()
    assert found.weight[0, 3] == 0
    assert ((found.weight != 0) == (weight != 0)).all()
    right = [(bottleneck.logits(h, scores).argmax(1) == classes).mean() for h in (head, found)]
    assert right[1] > right[0]
    np.testing.assert_array_equal(head.weight, weight)


def test_a_residual_head_is_fitted_on_top_of_its_rest() -> None:
    scores, classes = data(3)
    rest = 6 * np.eye(Y)[classes]
    head = Head(np.full((Y, K), 0.1), np.zeros(Y), residual=True)
    found = refit(head, scores, classes, rest=rest)
    assert found.residual
    alone = refit(Head(head.weight, head.bias), scores, classes)
    # the rest already says everything, so little is left to fit
    assert np.abs(found.weight).sum() < 0.2 * np.abs(alone.weight).sum()


def test_one_class_cannot_be_told_apart() -> None:
    scores, classes = data(4)
    with pytest.raises(ValueError, match="at least two classes"):
        refit(Head(np.ones((Y, K)), np.zeros(Y)), scores, classes * 0)
    with pytest.raises(ValueError, match=r"rows of the head, 0\.\.2"):
        refit(Head(np.ones((Y, K)), np.zeros(Y)), scores, classes + 1)
