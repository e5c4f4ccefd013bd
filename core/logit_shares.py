"""What each part of a logit is of the whole, with its sign.

For a linear head logit = bias + sum_k contribution_k (+ rest), so the contributions and the rest
over (logit - bias) add up to 1. Beside the share of summed magnitudes, which never says whether
concepts work for the class or against it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64

CANCELS = 0.1
"""where the sum is smaller than this share of the sizes, parts cancel and shares mislead"""
_NOTHING = 1e-12
"""the same, below which the sum is rounding error"""


def of_sum(parts: Float[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
    """Each part over the sum of all: adds up to 1; NaN where that sum is 0.

    `parts`: in logits, everything but the bias. A share is negative where the part works against
    the sum, so where the sum is negative (a logit below its bias) those are the parts *for* the
    class. Trap: where parts for and against nearly cancel, the sum is near 0 and shares grow far
    beyond 1 without anything being large; see `cancelled`.
    """
    parts = parts.astype(np.float64)
    total = parts.sum()
    if abs(total) <= _NOTHING * np.abs(parts).sum():
        return np.full(parts.shape, np.nan)
    return parts / total


def cancelled(parts: Float[np.ndarray, " m"]) -> bool:
    """Whether the parts' sum is less than a tenth of what they are in size together."""
    return bool(abs(parts.sum()) < CANCELS * np.abs(parts).sum())
