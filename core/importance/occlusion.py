"""What the logit loses when one concept is set to 0."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.importance.types import Function

_ENTRIES = 1_000_000
"""scores asked for at once"""


def occlusion(
    function: Function,
    scores: Float[Tensor, "n k"],
    *,
    seed: int = 0,  # noqa: ARG001 - nothing is drawn
) -> Float[Tensor, "n k"]:
    """f(u) - f(u without concept k), one concept at a time."""
    n, k = scores.shape
    out = torch.zeros_like(scores)
    active = torch.nonzero(scores.any(0))[:, 0]
    with torch.no_grad():
        whole = function(scores)
        for some in active.split(max(1, _ENTRIES // max(1, n * k))):
            without = scores.repeat(len(some), 1, 1)
            without[torch.arange(len(some)), :, some] = 0
            left = function(without.flatten(0, 1)).unflatten(0, (len(some), n))
            out[:, some] = (whole - left).T
    return out
