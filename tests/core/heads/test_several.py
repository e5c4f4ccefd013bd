"""Heads of several labels: each is its own logistic regression, where the label is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from core.bottleneck import entropy, logits, probabilities
from core.heads import (
    SparseSettings,
    choose_strength_each,
    fit_probe_each,
    fit_residual_each,
    fit_sparse,
    fit_sparse_each,
    learnable,
)
from core.types import Head, Targets


def drawn(n: int = 120, *, seed: int = 0) -> tuple[np.ndarray, Targets]:
    """Six scores, three labels that go with the first three, a fifth of the marks missing."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 6)) * [1, 2, 3, 1, 1, 1] + 4
    shown = (x[:, :3] - 4) / [1, 2, 3] + rng.normal(size=(n, 3)) > 0
    y = np.where(rng.random((n, 3)) < 0.2, np.nan, shown)
    return x, Targets(y, np.array([2, 5, 7]))


def masked_loss(head: Head, x: np.ndarray, y: np.ndarray) -> torch.Tensor:
    """Of each label alone, the sum over the images where it is known, in torch."""
    z = torch.from_numpy(x @ head.weight.T + head.bias)
    own, known = torch.from_numpy(np.nan_to_num(y)), torch.from_numpy(~np.isnan(y))
    each = binary_cross_entropy_with_logits(z, own, weight=known.double(), reduction="none")
    return each.sum(0)


def test_a_probe_minimises_the_masked_binary_cross_entropy() -> None:
    """No step of a twin in torch, from the very weights, makes the penalised loss smaller."""
    x, targets = drawn()
    head, classes = fit_probe_each(x, targets, c=0.5)
    assert classes.tolist() == [2, 5, 7]
    assert head.link == "sigmoid"

    mean, spread = x.mean(0), x.std(0)
    z = torch.from_numpy((x - mean) / spread)
    weight = torch.from_numpy(head.weight * spread).requires_grad_()
    bias = torch.from_numpy(head.bias + head.weight @ mean).requires_grad_()
    own = torch.from_numpy(np.nan_to_num(targets.y))
    known = torch.from_numpy(~np.isnan(targets.y)).double()
    each = binary_cross_entropy_with_logits(
        z @ weight.T + bias, own, weight=known, reduction="none"
    )
    loss = 0.5 * each.sum() + weight.square().sum() / 2
    loss.backward()
    assert weight.grad is not None
    assert bias.grad is not None
    assert float(weight.grad.abs().max()) < 0.02
    assert float(bias.grad.abs().max()) < 0.02


def test_what_is_unknown_weighs_nothing_and_labels_do_not_touch_one_another() -> None:
    x, targets = drawn()
    head, *_ = fit_sparse_each(x, targets, SparseSettings(c=1.0))

    known = ~np.isnan(targets.y[:, 1])
    others = targets.y.copy()
    others[:, [0, 2]] = 1 - others[:, [0, 2]]
    again, *_ = fit_sparse_each(x, Targets(others, targets.classes), SparseSettings(c=1.0))
    np.testing.assert_allclose(again.weight[1], head.weight[1])
    moved = x.copy()
    moved[~known] = moved[~known][::-1]  # the same scores on other images, so the same scale
    np.testing.assert_allclose(
        fit_sparse_each(moved, targets, SparseSettings(c=1.0))[0].weight[1], head.weight[1]
    )


def test_one_label_has_the_probabilities_of_a_softmax_of_two_classes() -> None:
    x, targets = drawn()
    known = ~np.isnan(targets.y[:, 0])
    x, y = x[known], targets.y[known, :1]

    head, *_ = fit_sparse_each(x, Targets(y, np.array([3])), SparseSettings(c=2.0))
    both, *_ = fit_sparse(x, y[:, 0].astype(int), SparseSettings(c=2.0))

    np.testing.assert_allclose(
        probabilities(logits(head, x), "sigmoid")[:, 0],
        probabilities(logits(both, x))[:, 1],
        rtol=1e-9,
    )


def test_few_weights_can_be_asked_for() -> None:
    x, targets = drawn()
    head, *_ = fit_sparse_each(x, targets, SparseSettings(per_class=2))
    assert (np.count_nonzero(head.weight, axis=1) == 2).all()
    with pytest.raises(ValueError, match="per_class must lie between 0 and the 6"):
        fit_sparse_each(x, targets, SparseSettings(per_class=7))


def test_labels_that_hardly_vary_are_left_out() -> None:
    x, targets = drawn()
    y = targets.y.copy()
    y[:, 1] = np.where(np.arange(len(y)) < 2, 1, 0)
    assert learnable(Targets(y, targets.classes)).tolist() == [0, 2]
    assert fit_probe_each(x, Targets(y, targets.classes))[1].tolist() == [2, 7]
    with pytest.raises(ValueError, match="none of the 1 labels is both present and absent"):
        fit_probe_each(x, Targets(y[:, [1]], np.array([5])))


def test_a_residual_leaves_the_first_head_and_lowers_the_loss() -> None:
    x, targets = drawn()
    few = x[:, :2]
    head, *_ = fit_sparse_each(few, targets, SparseSettings(c=1.0))

    left = fit_residual_each(head, few, x, targets.y, strength=0.01)

    before = masked_loss(head, few, targets.y)
    both = Head(
        np.concatenate([head.weight, left.weight], axis=1), head.bias + left.bias, link="sigmoid"
    )
    after = masked_loss(both, np.concatenate([few, x], axis=1), targets.y)
    assert (after < before).all()
    assert after[2] < before[2] / 1.1


def test_the_strength_is_the_one_that_tells_other_images_best() -> None:
    x, targets = drawn(60)
    on, judged = drawn(400)

    def fit(strength: float) -> tuple[Head, np.ndarray]:
        return fit_probe_each(x, targets, c=strength)

    strength, n = choose_strength_each(fit, on, judged)

    losses = {c: masked_loss(fit(c)[0], on, judged.y).sum() for c in (0.01, 0.1, 1.0, 10.0, 100.0)}
    assert strength == min(losses, key=lambda c: float(losses[c]))
    assert n == (~np.isnan(judged.y)).any(1).sum()
    assert choose_strength_each(fit, on[:0], Targets(judged.y[:0], judged.classes)) == (1.0, 0)


def test_sigmoids_need_not_sum_to_one_and_their_entropy_is_that_of_each() -> None:
    z = np.array([[0.0, 800.0, -800.0]])
    p = probabilities(z, "sigmoid")
    assert p.tolist() == [[0.5, 1.0, 0.0]]
    assert entropy(p, "sigmoid").tolist() == [1.0]
    assert entropy(probabilities(np.zeros((1, 4)), "sigmoid"), "sigmoid").tolist() == [4.0]
