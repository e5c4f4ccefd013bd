"""Bayesian zero-shot classes: a robust mean over each class's own concept prompts.

CGBC ("concept-guided Bayesian classification"): p(y | x) sums over concepts c of class y; the
likelihood is a mean of similarities in which outliers among the prompts weigh little. The weight
here is what the paper's text says, a soft version of |s - median| <= limit x MAD on either side;
the released code only lowers the weight of low outliers.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

_SLOPES = (0.1, 4.0)


def soft_trimmed_mean(
    similarities: Float[np.ndarray, "*n m"], *, limit: float = 2.5
) -> Float64[np.ndarray, "*n"]:
    """Over the last axis, in the similarities' unit, between their least and largest.

    weight = sigmoid(slope (limit - |s - median| / MAD)), slope = log((1 - r) / r) within 0.1..4, r
    the share of prompts beyond the limit: few outliers are cut off sharply, many hardly at all.
    """
    s = similarities.astype(np.float64)
    middle = np.median(s, axis=-1, keepdims=True)
    away = np.abs(s - middle)
    away = away / (np.median(away, axis=-1, keepdims=True) + 1e-6)
    share = np.clip((away > limit).mean(-1, keepdims=True), 1e-6, 1 - 1e-6)
    slope = np.clip(np.log((1 - share) / share), *_SLOPES)
    weight = 1 / (1 + np.exp(np.clip(slope * (away - limit), -500, 500)))
    return np.asarray((weight * s).sum(-1) / weight.sum(-1))
