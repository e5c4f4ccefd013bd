"""Slopes of the logit on the way from no concept at all to the scores."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.importance.types import Function


def integrated_gradients(
    function: Function,
    scores: Float[Tensor, "n k"],
    *,
    n_steps: int = 32,
    seed: int = 0,  # noqa: ARG001 - nothing is drawn
) -> Float[Tensor, "n k"]:
    """From baseline 0 (Sundararajan et al. 2017, arXiv 1703.01365), by the midpoint rule.

    The importances sum to f(u) - f(0), up to the error of the rule.
    """
    total = torch.zeros_like(scores)
    for step in range(n_steps):
        with torch.enable_grad():
            point = (scores.detach() * ((step + 0.5) / n_steps)).requires_grad_(True)
            (slope,) = torch.autograd.grad(function(point).sum(), point)
        total += slope
    return total / n_steps * scores
