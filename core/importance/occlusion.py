"""What the logit loses when one concept is set to 0."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.importance.types import Function


def occlusion(
    function: Function,
    scores: Float[Tensor, "n k"],
    *,
    seed: int = 0,  # noqa: ARG001 - nothing is drawn
) -> Float[Tensor, "n k"]:
    """f(u) - f(u without concept k), one concept at a time."""
    with torch.no_grad():
        whole = function(scores)
        out = torch.zeros_like(scores)
        for k in range(scores.shape[1]):
            if scores[:, k].any():
                without = scores.clone()
                without[:, k] = 0
                out[:, k] = whole - function(without)
    return out
