"""What is left of an edited head, fitted again, so that the other concepts can make up for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

from core import bottleneck
from core.types import Head

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
    # the optimiser takes most of a second to load, which only a refit should pay
    from scipy.optimize import minimize

    open_ = head.weight != 0 if free is None else free
    used = np.flatnonzero(open_.any(0))
    x = scores[:, used].astype(np.float64)
    mean, spread = x.mean(0), x.std(0)
    spread = np.where(spread > 0, spread, 1.0)
    x = (x - mean) / spread
    mask = open_[:, used]
    hot = np.eye(n_classes)[classes]
    base = np.zeros((len(x), n_classes)) if rest is None else rest.astype(np.float64)

    def unpacked(flat: Float64[np.ndarray, " m"]) -> tuple[np.ndarray, np.ndarray]:
        weight = np.zeros(mask.shape)
        weight[mask] = flat[:-n_classes]
        return weight, flat[-n_classes:]

    def loss(flat: Float64[np.ndarray, " m"]) -> tuple[float, Float64[np.ndarray, " m"]]:
        weight, bias = unpacked(flat)
        z = x @ weight.T + bias + base
        p = bottleneck.probabilities(z)
        top = z.max(1)
        total = np.log(np.exp(z - top[:, None]).sum(1)) + top - (z * hot).sum(1)
        off = (p - hot) / len(x)
        slope = off.T @ x + strength * weight
        value = total.mean() + strength / 2 * float((weight**2).sum())
        return value, np.concatenate([slope[mask], off.sum(0)])

    # from where the head stands, in units of standardised scores
    now = head.weight[:, used].astype(np.float64) * spread
    start = np.concatenate([now[mask], head.bias + head.weight[:, used].astype(np.float64) @ mean])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": most_steps})
    weight, bias = unpacked(found.x)
    out = np.zeros(head.weight.shape)
    out[:, used] = weight / spread
    return replace(head, weight=out, bias=bias - out[:, used] @ mean)
