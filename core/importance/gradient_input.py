"""The slope of the logit at the scores, times the scores."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.importance.types import Function


def gradient_input(
    function: Function,
    scores: Float[Tensor, "n k"],
    *,
    seed: int = 0,  # noqa: ARG001 - nothing is drawn
) -> Float[Tensor, "n k"]:
    """u_k df/du_k (Shrikumar et al. 2016, arXiv 1605.01713); first order around the scores."""
    with torch.enable_grad():
        point = scores.detach().clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(function(point).sum(), point)
    return slope * scores
