"""Grad-CAM (Selvaraju et al. 2017, eqs 1 and 2, arXiv 1610.02391) on the token grid.

alpha_d = mean_t d logit / d A_td;  map_t = max(0, sum_d alpha_d A_td). The global average divides
by the number of tokens, so where the classifier is linear on the mean token the map before the
maximum sums to the target logit less its bias.
"""

from __future__ import annotations

import torch
from einops import einsum, rearrange, reduce
from jaxtyping import Float, Int
from torch import Tensor

from core.saliency.types import Saliency, target_logits
from core.types import Backbone


def grad_cam(
    backbone: Backbone, pixels: Float[Tensor, "b 3 H W"], target: Int[Tensor, " b"]
) -> Saliency:
    """Maps on the backbone's grid, >= 0.

    Raises ValueError where the classifier reads the CLS or register tokens alone: there the
    gradient at the grid is zero for every image, and an empty map would say something else.
    """
    seen = backbone.attributed(pixels.detach().clone())
    total = target_logits(seen, target).sum()
    if not total.requires_grad:  # logits that depend on nothing
        return Saliency(torch.zeros(len(pixels), *seen.grid))
    by_token, by_extra = torch.autograd.grad(total, [seen.tokens, seen.extra], allow_unused=True)
    unread = by_token is None or not by_token.any()
    if unread and by_extra is not None and by_extra.any():
        raise ValueError(
            f"the classifier of {backbone.name!r} reads only the CLS or register tokens of layer "
            f"{backbone.layer!r}, so Grad-CAM is zero there for every image; choose an earlier "
            "layer, such as the output of the block before the last, or another saliency method"
        )
    if by_token is None:
        return Saliency(torch.zeros(len(pixels), *seen.grid))
    alpha = reduce(by_token, "b t d -> b d", "mean")
    evidence = einsum(alpha, seen.tokens.detach(), "b d, b t d -> b t").relu()
    return Saliency(rearrange(evidence, "b (h w) -> b h w", h=seen.grid.h, w=seen.grid.w))
