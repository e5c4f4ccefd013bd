"""How strongly a linear head is penalised, chosen on images that it is neither fitted to nor
judged by."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Integer
from scipy.special import logsumexp

from core.bottleneck import logits
from core.types import Head

STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
"""inverse strengths of a penalty to choose from, weakest last"""
USUAL = 1.0
"""inverse strength where there is nothing to choose on"""


def choose_strength(
    fit: Callable[[float], tuple[Head, Integer[np.ndarray, " y"]]],
    x: Float[np.ndarray, "n k"],
    classes: Integer[np.ndarray, " n"],
) -> tuple[float, int]:
    """The one of `STRENGTHS` whose fit has the least cross-entropy on rows `x`, and on how many.

    `fit` returns a head and the classes of its rows. Rows of no such class (-1: unlabelled) do not
    count; without any the usual strength is returned, and 0.
    """
    losses, n = [], 0
    for strength in STRENGTHS if (classes >= 0).any() else ():
        head, present = fit(strength)
        known = np.isin(classes, present)
        n = int(known.sum())
        if not n:
            break
        z = logits(head, x[known])
        own = z[np.arange(n), np.searchsorted(present, classes[known])]
        losses.append(float((logsumexp(z, axis=1) - own).mean()))
    return (STRENGTHS[int(np.argmin(losses))], n) if n else (USUAL, 0)
