"""One number with what it must be read beside: its chance level and how many cases it is of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Measure(NamedTuple):
    value: float
    chance: float
    """what the same number is on average when the order carries no information"""
    n: int
    """cases counted; with none, value and chance are NaN"""


def mean_of(values: Float[np.ndarray, " n"], chances: Float[np.ndarray, " n"]) -> Measure:
    """Mean over the cases that could be judged, those whose value is a number."""
    judged = ~np.isnan(values)
    n = int(judged.sum())
    if n == 0:
        return Measure(float("nan"), float("nan"), 0)
    return Measure(float(values[judged].mean()), float(chances[judged].mean()), n)
