"""Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365), summed in the grid's cells.

The baseline is zero in normalised units, the mean colour of the model's training images. Values
are summed over colours and over each cell's pixels, so a map adds up to f(x) - f(baseline), up to
the error of the numerical integral.
"""

from __future__ import annotations

import torch
from captum.attr import IntegratedGradients
from einops import reduce
from jaxtyping import Float, Int
from torch import Tensor

from core.saliency.cells import sum_by_cell
from core.saliency.types import Saliency, check_classifier, target_logits
from core.types import Backbone


def integrated_gradients(
    backbone: Backbone,
    pixels: Float[Tensor, "b 3 H W"],
    target: Int[Tensor, " b"],
    *,
    n_steps: int = 16,
    batch_size: int = 16,
) -> Saliency:
    """Signed maps on the backbone's grid, in logits.

    n_steps: points of the integral, >= 1. batch_size: images with gradients in memory at once.
    """
    check_classifier(backbone)
    if n_steps < 1 or batch_size < 1:
        raise ValueError(f"n_steps is {n_steps} and batch_size {batch_size}; both must be >= 1")

    def logit(inputs: Tensor, wanted: Tensor) -> Tensor:
        value = target_logits(backbone.attributed(inputs), wanted)
        # Logits of a constant model have no graph; a zero share of the input gives them one.
        return value if value.requires_grad else value + 0 * reduce(inputs, "b c h w -> b", "sum")

    grid = backbone.forward(pixels[:1]).grid
    method = IntegratedGradients(logit)
    maps = []
    for images, wanted in zip(pixels.split(batch_size), target.split(batch_size), strict=True):
        values = method.attribute(
            images.detach(),
            additional_forward_args=(wanted,),
            n_steps=n_steps,
            internal_batch_size=batch_size,
        )
        colourless = reduce(values.detach(), "b c h w -> b h w", "sum")
        maps.append(sum_by_cell(colourless, grid).to(pixels.dtype))
    return Saliency(torch.cat(maps))
