"""Linear heads for labels of which an image can carry several: a logistic regression for each.

Labels are fitted apart, each on the images where it is known: the binary cross-entropy summed over
labels, with weight 0 where a label is unknown, has no term that two labels share. Probabilities are
sigmoids of the logits and need not sum to 1.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Integer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from core.bottleneck import logits
from core.heads.chosen import STRENGTHS, USUAL
from core.heads.trained import SparseSettings, Trained, elastic
from core.types import Head, Targets

LEAST = 3
"""train images with and without a label that a head needs"""


def learnable(targets: Targets) -> Integer[np.ndarray, " m"]:
    """Columns that `LEAST` images show and as many do not.

    Raises ValueError where there is none.
    """
    least = np.minimum((targets.y == 1).sum(0), (targets.y == 0).sum(0))
    found = np.flatnonzero(least >= LEAST)
    if not len(found):
        raise ValueError(
            f"none of the {targets.y.shape[1]} labels is both present and absent in at least "
            f"{LEAST} train images, so nothing can be trained on them"
        )
    return found


def fit_sparse_each(
    scores: Float[np.ndarray, "n k"],
    targets: Targets,
    settings: SparseSettings | None = None,
) -> Trained:
    """As `fit_sparse`, of every label that `learnable` finds, with the class_ids of its rows.

    Scores are standardised over all rows together. Raises what `learnable` raises, and ValueError
    for a `per_class` above the number of scores.
    """
    settings = settings or SparseSettings()
    if not 0 <= settings.per_class <= scores.shape[1]:
        raise ValueError(
            f"per_class must lie between 0 and the {scores.shape[1]} concepts of the bank, not "
            f"{settings.per_class}"
        )

    gaps = []

    def fit(x: Float[np.ndarray, "m k"], y: Bool[np.ndarray, " m"]) -> tuple[np.ndarray, float]:
        found = elastic(x, y.astype(np.int64), settings)
        gaps.append(found.gap)
        return found.weight[0], float(found.bias[0])

    head, classes = _each(scores, targets, fit, with_mean=settings.fit_bias)
    return Trained(head, classes, max(gaps))


def fit_probe_each(
    pooled: Float[np.ndarray, "n d"], targets: Targets, *, c: float = 1.0, seed: int = 0
) -> tuple[Head, Integer[np.ndarray, " y"]]:
    """As `fit_probe`, of every label that `learnable` finds; and the class_ids of its rows."""

    def fit(x: Float[np.ndarray, "m d"], y: Bool[np.ndarray, " m"]) -> tuple[np.ndarray, float]:
        model = LogisticRegression(C=c, max_iter=1000, random_state=seed).fit(x, y)
        return model.coef_[0], float(model.intercept_[0])

    return _each(pooled, targets, fit, with_mean=True)


def _each(
    x: Float[np.ndarray, "n k"],
    targets: Targets,
    fit: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, float]],
    *,
    with_mean: bool,
) -> tuple[Head, Integer[np.ndarray, " y"]]:
    chosen = learnable(targets)
    scaler = StandardScaler(with_mean=with_mean).fit(x)
    z = scaler.transform(x)
    weight, bias = np.zeros((len(chosen), x.shape[1])), np.zeros(len(chosen))
    for i, j in enumerate(chosen):
        known = ~np.isnan(targets.y[:, j])
        coefficients, bias[i] = fit(z[known], targets.y[known, j] == 1)
        # scale_ is 1 where a column is constant
        weight[i] = coefficients / scaler.scale_
    if with_mean:
        bias -= weight @ scaler.mean_
    return Head(weight, bias, link="sigmoid"), targets.classes[chosen]


def fit_residual_each(
    head: Head,
    scores: Float[np.ndarray, "n k"],
    pooled: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "n y"],
    *,
    strength: float,
) -> Head:
    """As `fit_residual`: a linear layer on pooled activations that adds to a head which stays.

    `y` has a column for each row of the head, NaN where the label is unknown; `strength` is the L2
    penalty an image, half the sum of squared weights of standardised activations times this.
    """
    from scipy.optimize import minimize

    scaler = StandardScaler().fit(pooled)
    z, base = scaler.transform(pooled).astype(np.float64), logits(head, scores)
    weight, bias = np.zeros((len(head.bias), pooled.shape[1])), np.zeros(len(head.bias))
    for i, column in enumerate(y.T):
        known = ~np.isnan(column)
        x, own, start = z[known], column[known], base[known, i]

        def loss(
            flat: np.ndarray, x: np.ndarray = x, own: np.ndarray = own, start: np.ndarray = start
        ) -> tuple[float, np.ndarray]:
            at = x @ flat[:-1] + flat[-1] + start
            off = (0.5 * (1 + np.tanh(at / 2)) - own) / len(x)
            value = (np.logaddexp(0, at) - own * at).mean() + strength / 2 * (flat[:-1] ** 2).sum()
            return float(value), np.append(x.T @ off + strength * flat[:-1], off.sum())

        found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B")
        weight[i], bias[i] = found.x[:-1] / scaler.scale_, found.x[-1]
    return Head(weight, bias - weight @ scaler.mean_, link="sigmoid")


def choose_strength_each(
    fit: Callable[[float], tuple[Head, Integer[np.ndarray, " y"]]],
    x: Float[np.ndarray, "n k"],
    targets: Targets,
) -> tuple[float, int]:
    """As `choose_strength`, by the mean binary cross-entropy of the known labels of rows `x`.

    Returns the strength and how many images have one of those labels; without any the usual
    strength, and 0.
    """
    losses, n = [], 0
    for strength in STRENGTHS if len(x) else ():
        head, classes = fit(strength)
        y = targets.y[:, np.searchsorted(targets.classes, classes)]
        known = ~np.isnan(y)
        n = int(known.any(1).sum())
        if not n:
            break
        z = logits(head, x)
        losses.append(float((np.logaddexp(0, z) - np.nan_to_num(y) * z)[known].mean()))
    return (STRENGTHS[int(np.argmin(losses))], n) if n else (USUAL, 0)
