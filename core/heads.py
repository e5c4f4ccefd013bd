"""Linear heads on concept scores, and the plain probe they are compared with.

The post-hoc concept bottleneck (Yuksekgonul et al. 2023, arXiv 2205.15480) reads classes off
concept scores with a sparse linear layer, so that a prediction is a short sum of contributions.
"""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Float, Float64, Integer
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from core.types import Head


def fit_sparse(
    scores: Float[np.ndarray, "n k"],
    classes: Integer[np.ndarray, " n"],
    *,
    c: float = 1.0,
    l1_ratio: float = 0.99,
    max_iter: int = 300,
    seed: int = 0,
) -> tuple[Head, Integer[np.ndarray, " y"]]:
    """Multinomial logistic regression with an elastic-net penalty on standardised scores.

    Returns the head and the classes its rows stand for, those that occur. The standardisation is
    folded into the weights, so they apply to scores as stored. `c` is the inverse strength. Raises
    ValueError with fewer than two classes.
    """
    present = _at_least_two(classes)
    scaler = StandardScaler().fit(scores)
    model = LogisticRegression(
        C=c, l1_ratio=l1_ratio, solver="saga", max_iter=max_iter, tol=1e-3, random_state=seed
    )
    with warnings.catch_warnings():
        # saga approaches the optimum slowly; accuracy is settled long before the tolerance is
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(scaler.transform(scores), classes)
    return _unstandardised(model, scaler), present


def fit_probe(
    pooled: Float[np.ndarray, "n d"],
    classes: Integer[np.ndarray, " n"],
    *,
    c: float = 1.0,
    seed: int = 0,
) -> tuple[Head, Integer[np.ndarray, " y"]]:
    """The plain linear probe: L2 logistic regression on standardised pooled activations.

    Returns and raises what `fit_sparse` does.
    """
    present = _at_least_two(classes)
    scaler = StandardScaler().fit(pooled)
    model = LogisticRegression(C=c, max_iter=1000, random_state=seed)
    model.fit(scaler.transform(pooled), classes)
    return _unstandardised(model, scaler), present


def _at_least_two(classes: Integer[np.ndarray, " n"]) -> Integer[np.ndarray, " y"]:
    present = np.unique(classes)
    if len(present) < 2:
        raise ValueError(
            f"a head needs train images of at least two classes, but there are {len(present)}"
        )
    return present


def _unstandardised(model: LogisticRegression, scaler: StandardScaler) -> Head:
    # scikit-learn keeps the width of what it was fitted on
    coefficients, intercepts = _two_sided(
        model.coef_.astype(np.float64), model.intercept_.astype(np.float64)
    )
    # scale_ is 1 where a column is constant
    weight = coefficients / scaler.scale_
    return Head(weight, intercepts - weight @ scaler.mean_)


def _two_sided(
    coefficients: Float64[np.ndarray, "m k"], intercepts: Float64[np.ndarray, " m"]
) -> tuple[Float64[np.ndarray, "y k"], Float64[np.ndarray, " y"]]:
    """With two classes scikit-learn keeps one row; a softmax wants both."""
    if len(coefficients) > 1:
        return coefficients, intercepts
    half = coefficients / 2
    return np.concatenate([-half, half]), np.array([-intercepts[0] / 2, intercepts[0] / 2])


def fold_backbone(
    readout: tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]],
    directions: Float[np.ndarray, "k d"],
    offset: Float[np.ndarray, " d"],
) -> Head:
    """The backbone's own last layer, read through a dictionary.

    If logits = W mean(x) + b and mean(x) = scores @ D + offset + rest, then the weight of concept
    j for class y is <D_j, W_y>, exactly; what the dictionary does not reconstruct stays in each
    image's rest. For such a head gradient x input, Integrated Gradients and occlusion all give
    weight x score (Fel et al. 2023, arXiv 2306.07304).
    """
    w, b = (part.astype(np.float64) for part in readout)
    return Head(w @ directions.T.astype(np.float64), w @ offset.astype(np.float64) + b, True)
