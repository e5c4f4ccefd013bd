"""How much of the logit's variance needs a concept, when concepts are dimmed at random.

As in CRAFT (Fel et al. 2023, arXiv 2211.10154): scores are multiplied by masks in 0..1, drawn from
a low-discrepancy sequence, and the total Sobol index is estimated as by Jansen (1999, "Analysis of
variance designs for model output"), from design A and from A with one column of B in its place.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from scipy.stats import qmc
from torch import Tensor

from core.importance.types import Function, LinearLogit


def sobol(
    function: Function, scores: Float[Tensor, "n k"], *, log2_design: int = 5, seed: int = 0
) -> Float[Tensor, "n k"]:
    """Total indices, >= 0; 0 for a score of 0, whatever the mask.

    For a linear function the index of concept k is (w_k u_k)^2 / sum_j (w_j u_j)^2, so its order is
    that of |contribution|, and nothing is drawn. Any other takes 2^log2_design x (active concepts
    + 1) evaluations an image.
    """
    if isinstance(function, LinearLogit):
        squares = (scores * function.weight).square()
        return squares / squares.sum(1, keepdim=True).clamp_min(torch.finfo(squares.dtype).tiny)
    out = torch.zeros_like(scores)
    with torch.no_grad():
        for i, row in enumerate(scores):
            active = torch.nonzero(row)[:, 0]
            if len(active):
                out[i, active] = _total(function, row, active, log2_design, seed)
    return out


def _total(
    function: Function, row: Float[Tensor, " k"], active: Tensor, log2_design: int, seed: int
) -> Float[Tensor, " a"]:
    r = len(active)
    points = qmc.Sobol(2 * r, scramble=True, rng=seed).random_base2(log2_design)
    # NumPy places the columns: torch would start its threads for these few thousand numbers
    dimmed = np.zeros((2, len(points), len(row)))
    at = active.numpy()  # NumPy takes a tensor of one number for that number
    dimmed[0][:, at], dimmed[1][:, at] = points[:, :r], points[:, r:]
    a, b = torch.from_numpy(dimmed * row.numpy()).to(row.dtype)
    at_a = function(a)
    # of A alone: values at B, which the differences do not have, would only cost evaluations
    spread = at_a.var()
    total = torch.zeros(r, dtype=row.dtype)
    if not spread > 0:
        return total
    for j, k in enumerate(active.tolist()):
        exchanged = a.clone()
        exchanged[:, k] = b[:, k]
        total[j] = (at_a - function(exchanged)).square().mean() / (2 * spread)
    return total
