"""Linear heads on concept scores, and the plain probe they are compared with.

The post-hoc concept bottleneck (Yuksekgonul et al. 2023, arXiv 2205.15480) reads classes off
concept scores with a sparse linear layer, so that a prediction is a short sum of contributions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Integer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from core.bottleneck import logits
from core.heads.chosen import USUAL
from core.heads.elastic_net import Fit, Penalty, fit_elastic_net
from core.intervention.refit import STRENGTH, refit
from core.types import Head


@dataclass(frozen=True, kw_only=True)
class SparseSettings:
    """What a recipe may set of a sparse head."""

    c: float = 0.0
    """inverse strength of the penalty; 0: what is best on the val split, 1 without such a split"""
    per_class: int = 0
    """above 0 chooses the strength along the regularisation path instead: the fit whose mean number
    of non-zero weights a class comes nearest to it (what GLM-SAGA is asked for by Wong et al. 2021,
    arXiv 2105.04857, and by the label-free CBM). Of Y > 2 classes a fit never keeps more than
    (Y - 1) / Y of the scores, since a softmax lets the middle weight of a score be 0"""
    fit_bias: bool = True
    """without it scores are scaled but not centred and the head has no bias, so that a class has
    nothing but its concepts (the probe of DN-CBM, Rao et al. 2024, arXiv 2407.14499)"""
    l1_ratio: float = 0.99
    """share of the penalty that is L1, 0..1; the rest is L2"""
    max_iter: int = 3000
    """steps after which a fit ends although its duality gap is not closed"""


class Trained(NamedTuple):
    head: Head
    classes: Integer[np.ndarray, " y"]
    """that the rows of the head stand for"""
    gap: float
    """what the penalised loss of the fit is at most above its least value, as a share of itself; of
    several fits, the largest"""


def fit_sparse(
    scores: Float[np.ndarray, "n k"],
    classes: Integer[np.ndarray, " n"],
    settings: SparseSettings | None = None,
) -> Trained:
    """Multinomial logistic regression with an elastic-net penalty on standardised scores.

    The head knows the classes that occur. The standardisation is folded into the weights, so they
    apply to scores as stored. Raises ValueError with fewer than two classes and for a `per_class`
    above the number of scores.
    """
    settings = settings or SparseSettings()
    per_class, fit_bias = settings.per_class, settings.fit_bias
    present = _at_least_two(classes)
    if not 0 <= per_class <= scores.shape[1]:
        raise ValueError(
            f"per_class must lie between 0 and the {scores.shape[1]} concepts of the bank, not "
            f"{per_class}"
        )
    scaler = StandardScaler(with_mean=fit_bias).fit(scores)
    fit = elastic(scaler.transform(scores), np.searchsorted(present, classes), settings)
    weight, bias = _two_sided(fit.weight, fit.bias)
    return Trained(_unstandardised(weight, bias, scaler), present, fit.gap)


def elastic(
    x: Float[np.ndarray, "n k"], y: Integer[np.ndarray, " n"], settings: SparseSettings
) -> Fit:
    """The fit to standardised scores at the settings' strength, or the one nearest to `per_class`.

    `y` are classes from 0 on, each there at least once.
    """
    x = x.astype(np.float64)

    def fitted(strength: float, start: Fit | None = None) -> Fit:
        return fit_elastic_net(
            x,
            y,
            Penalty(strength, settings.l1_ratio),
            fit_bias=settings.fit_bias,
            most_steps=settings.max_iter,
            start=start,
        )

    if settings.per_class:
        return nearest(fitted, settings.per_class)
    return fitted(settings.c or USUAL)


PATH = (1e-4, 1e4)
"""inverse strengths between which `per_class` is looked for"""
STEPS = 14


def nearest(fitted: Callable[[float, Fit | None], Fit], per_class: int) -> Fit:
    """Bisection on the logarithm of the inverse strength: weights get fewer as it falls.

    `fitted` takes a strength and a fit from where to begin.
    """
    low, high = PATH
    best, last, missed = None, None, np.inf
    for _ in range(STEPS):
        middle = float(np.sqrt(low * high))
        last = fitted(middle, last)
        # with two classes one row stands for both
        each = np.count_nonzero(last.weight) / len(last.weight)
        if abs(each - per_class) < missed:
            best, missed = last, abs(each - per_class)
        if missed == 0:
            break
        low, high = (middle, high) if each < per_class else (low, middle)
    assert best is not None
    return best


def fit_probe(
    pooled: Float[np.ndarray, "n d"],
    classes: Integer[np.ndarray, " n"],
    *,
    c: float = 1.0,
    seed: int = 0,
) -> tuple[Head, Integer[np.ndarray, " y"]]:
    """The plain linear probe: L2 logistic regression on standardised pooled activations.

    Returns the head and the classes its rows stand for. Raises what `fit_sparse` does.
    """
    present = _at_least_two(classes)
    scaler = StandardScaler().fit(pooled)
    model = LogisticRegression(C=c, max_iter=1000, random_state=seed)
    model.fit(scaler.transform(pooled), classes)
    # scikit-learn keeps the width of what it was fitted on
    weight, bias = _two_sided(model.coef_.astype(np.float64), model.intercept_.astype(np.float64))
    return _unstandardised(weight, bias, scaler), present


def fit_residual(
    head: Head,
    scores: Float[np.ndarray, "n k"],
    pooled: Float[np.ndarray, "n d"],
    rows: Integer[np.ndarray, " n"],
    *,
    strength: float = STRENGTH,
) -> Head:
    """A linear layer on pooled activations that adds to a head which stays as it is.

    The second step of the hybrid post-hoc CBM (PCBM-h, Yuksekgonul et al. 2023): multinomial
    logistic regression on the sum of both logits. `rows` are rows of the head; `strength` is the
    L2 penalty of `refit`.
    """
    n_classes, width = len(head.bias), pooled.shape[1]
    empty = Head(np.zeros((n_classes, width)), np.zeros(n_classes), residual=True)
    found = refit(
        empty,
        pooled,
        rows,
        rest=logits(head, scores),
        free=np.ones((n_classes, width), dtype=bool),
        strength=strength,
    )
    return replace(found, residual=False)


def _at_least_two(classes: Integer[np.ndarray, " n"]) -> Integer[np.ndarray, " y"]:
    present = np.unique(classes)
    if len(present) < 2:
        raise ValueError(
            f"a head needs train images of at least two classes, but there are {len(present)}"
        )
    return present


def _unstandardised(
    coefficients: Float64[np.ndarray, "y k"],
    intercepts: Float64[np.ndarray, " y"],
    scaler: StandardScaler,
) -> Head:
    # scale_ is 1 where a column is constant
    weight = coefficients / scaler.scale_
    # not centred, only scaled: no bias makes up for it
    return Head(weight, intercepts - weight @ scaler.mean_ if scaler.with_mean else intercepts)


def _two_sided(
    coefficients: Float64[np.ndarray, "m k"], intercepts: Float64[np.ndarray, " m"]
) -> tuple[Float64[np.ndarray, "y k"], Float64[np.ndarray, " y"]]:
    """With two classes a fit has one row; a softmax wants both."""
    if len(coefficients) > 1:
        return coefficients, intercepts
    half = coefficients / 2
    return np.concatenate([-half, half]), np.array([-intercepts[0] / 2, intercepts[0] / 2])
