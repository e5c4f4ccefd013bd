"""What is left of an edited head, fitted again, so that the other concepts can make up for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

from core import bottleneck
from core.types import Head

_Loss = Callable[[Float64[np.ndarray, "n y"]], tuple[float, Float64[np.ndarray, "n y"]]]
"""of the logits: its value and its slope"""
STRENGTH = 0.01
"""of the penalty, per image: half the sum of squared weights of standardised scores times this"""


def refit(
    head: Head,
    scores: Float[np.ndarray, "n k"],
    classes: Integer[np.ndarray, " n"],
    *,
    rest: Float[np.ndarray, "n y"] | None = None,
    free: Bool[np.ndarray, "y k"] | None = None,
    strength: float = STRENGTH,
    most_steps: int = 500,
) -> Head:
    """Multinomial logistic regression over the weights that are not 0, and the biases.

    A weight that is 0 stays 0, so nothing that was pruned comes back; `free` chooses other weights.
    A residual head keeps its `rest` as it is, and is fitted on top of it. Scores are standardised
    inside, weights are in logits per unit of score as before. Raises ValueError for fewer than two
    classes among the images, or a class that the head lacks.
    """
    n_classes = len(head.bias)
    if len(np.unique(classes)) < 2:
        raise ValueError(
            f"a refit needs train images of at least two classes, but these {len(classes)} show "
            f"{len(np.unique(classes))}"
        )
    if classes.min() < 0 or classes.max() >= n_classes:
        raise ValueError(f"classes must be rows of the head, 0..{n_classes - 1}")
    hot = np.eye(n_classes)[classes]

    def loss(z: Float64[np.ndarray, "n y"]) -> tuple[float, Float64[np.ndarray, "n y"]]:
        top = z.max(1)
        total = np.log(np.exp(z - top[:, None]).sum(1)) + top - (z * hot).sum(1)
        return float(total.mean()), (bottleneck.probabilities(z) - hot) / len(z)

    open_ = head.weight != 0 if free is None else free
    return _fitted(_Problem(head, scores, rest, open_), loss, strength, most_steps)


def refit_each(
    head: Head,
    scores: Float[np.ndarray, "n k"],
    y: Float[np.ndarray, "n y"],
    *,
    rest: Float[np.ndarray, "n y"] | None = None,
    strength: float = STRENGTH,
    most_steps: int = 500,
) -> Head:
    """As `refit`, of a sigmoid head: a logistic regression of each label on the images where it is
    known, over its weights that are not 0.

    `y` has a column for each row of the head: 1 shown, 0 absent, NaN unknown. A label that these
    images do not both show and lack keeps its weights and its bias. Raises ValueError where that
    is every label.
    """
    known = ~np.isnan(y)
    learnt = ((y == 1).any(0)) & ((y == 0).any(0))
    if not learnt.any():
        raise ValueError(
            f"a refit needs a label that some train images show and others lack, but none of the "
            f"{y.shape[1]} labels of these {len(y)} images is such a one"
        )
    share = np.where(known, 1.0, 0.0)[:, learnt] / known.sum(0)[learnt]
    right = np.nan_to_num(y)[:, learnt]

    def loss(z: Float64[np.ndarray, "n y"]) -> tuple[float, Float64[np.ndarray, "n y"]]:
        value = (share * (np.logaddexp(0, z) - right * z)).sum()
        return float(value), share * (bottleneck.sigmoid(z) - right)

    part = replace(head, weight=head.weight[learnt], bias=head.bias[learnt])
    own = None if rest is None else rest[:, learnt]
    found = _fitted(_Problem(part, scores, own, part.weight != 0), loss, strength, most_steps)
    weight, bias = head.weight.astype(np.float64), head.bias.astype(np.float64)
    weight[learnt], bias[learnt] = found.weight, found.bias
    return replace(head, weight=weight, bias=bias)


class _Problem(NamedTuple):
    head: Head
    scores: Float[np.ndarray, "n k"]
    rest: Float[np.ndarray, "n y"] | None
    open_: Bool[np.ndarray, "y k"]
    """weights that may move; the others are 0 in what is found"""


def _fitted(given: _Problem, loss: _Loss, strength: float, most_steps: int) -> Head:
    """The open weights and the biases of least loss and penalty, from where the head stands."""
    # the optimiser takes most of a second to load, which only a refit should pay
    from scipy.optimize import minimize

    head, n_classes = given.head, len(given.head.bias)
    used = np.flatnonzero(given.open_.any(0))
    x = given.scores[:, used].astype(np.float64)
    mean, spread = x.mean(0), x.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    x = (x - mean) / spread
    mask = given.open_[:, used]
    base = np.zeros((len(x), n_classes)) if given.rest is None else given.rest.astype(np.float64)

    def unpacked(flat: Float64[np.ndarray, " m"]) -> tuple[np.ndarray, np.ndarray]:
        weight = np.zeros(mask.shape)
        weight[mask] = flat[:-n_classes]
        return weight, flat[-n_classes:]

    def penalised(flat: Float64[np.ndarray, " m"]) -> tuple[float, Float64[np.ndarray, " m"]]:
        weight, bias = unpacked(flat)
        value, off = loss(x @ weight.T + bias + base)
        slope = off.T @ x + strength * weight
        value += strength / 2 * float((weight**2).sum())
        return value, np.concatenate([slope[mask], off.sum(0)])

    # in units of standardised scores
    now = head.weight[:, used].astype(np.float64) * spread
    start = np.concatenate([now[mask], head.bias + head.weight[:, used].astype(np.float64) @ mean])
    options = {"maxiter": most_steps}
    found = minimize(penalised, start, jac=True, method="L-BFGS-B", options=options)
    weight, bias = unpacked(found.x)
    out = np.zeros(head.weight.shape)
    out[:, used] = weight / spread
    return replace(head, weight=out, bias=bias - out[:, used] @ mean)
