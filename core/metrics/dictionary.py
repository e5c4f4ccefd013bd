"""A bank's directions as a dictionary: how alike they are, what they span, and if they return."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from scipy.optimize import linear_sum_assignment
from torch import Tensor

_BLOCK = 1_024
"""directions compared with all others at once"""


class Coherence(NamedTuple):
    largest: float
    mean: float


def coherence(directions: Float[Tensor, "k d"]) -> Coherence:
    """|cosine| over pairs of different directions, 0..1. NaN with a single one."""
    unit = _unit(directions)
    k = len(unit)
    if k < 2:
        return Coherence(float("nan"), float("nan"))
    largest = total = 0.0
    for start in range(0, k, _BLOCK):
        cosine = (unit[start : start + _BLOCK] @ unit.T).abs()
        rows = torch.arange(len(cosine))
        cosine[rows, rows + start] = 0
        largest = max(largest, float(cosine.max()))
        total += float(cosine.sum())
    return Coherence(largest, total / (k * (k - 1)))


def effective_rank(directions: Float[Tensor, "k d"]) -> float:
    """exp of the entropy of the singular values as shares, 1..min(k, d).

    Roy & Vetterli 2007 (EUSIPCO). NaN when every direction is zero.
    """
    values = torch.linalg.svdvals(directions.double())
    p = values / values.sum()
    p = p[p > 0]
    return float((-(p * p.log()).sum()).exp()) if len(p) else float("nan")


def stability(one: Float[Tensor, "k d"], two: Float[Tensor, "m d"], *, signed: bool) -> float:
    """Mean cosine of the best one-to-one matching of two fits' directions; 1: the same.

    Hungarian matching, as in Fel et al. 2023 (arXiv 2306.07304, section 3). signed: codes may be
    negative, so that a direction and its opposite are one concept, and |cosine| counts, 0..1; else
    -1..1. Of two banks of different size the larger one's spare directions stay unmatched.
    """
    cosine = (_unit(one) @ _unit(two).T).numpy()
    cosine = np.abs(cosine) if signed else cosine
    rows, columns = linear_sum_assignment(cosine, maximize=True)
    return float(cosine[rows, columns].mean())


def _unit(directions: Float[Tensor, "k d"]) -> Float[Tensor, "k d"]:
    rows = directions.double()
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
