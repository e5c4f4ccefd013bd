"""Occlusion (Zeiler and Fergus 2014, arXiv 1311.2901) with a window that follows the token grid.

map_c = f(x) - f(x with the window centred on cell c at zero in normalised units): how many logits
the target loses when that part is hidden. Negative: hiding it helps the target.
"""

from __future__ import annotations

import math

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from core.saliency.cells import cell_of_pixels
from core.saliency.types import Saliency, check_classifier, target_logits
from core.types import Backbone, Grid


def occlusion(
    backbone: Backbone,
    pixels: Float[Tensor, "b 3 H W"],
    target: Int[Tensor, " b"],
    *,
    window: int = 3,
    coarsen: int = 1,
    batch_size: int = 64,
) -> Saliency:
    """Signed maps in logits; one forward pass a cell.

    window: side in cells, odd, cut off at the border. coarsen: cells are about this many times as
    wide and high as the backbone's (1: its own grid), which takes 1 / coarsen^2 of the time.
    """
    check_classifier(backbone)
    if window < 1 or window % 2 == 0 or min(coarsen, batch_size) < 1:
        raise ValueError(
            f"window is {window}, coarsen {coarsen} and batch_size {batch_size}; window must be "
            "odd and all of them at least 1"
        )
    seen = backbone.forward(pixels)
    before = target_logits(seen, target)
    grid = Grid(math.ceil(seen.grid.h / coarsen), math.ceil(seen.grid.w / coarsen))
    row, column = cell_of_pixels(pixels.shape[2], grid.h), cell_of_pixels(pixels.shape[3], grid.w)
    drops = torch.empty(len(pixels), grid.h * grid.w)
    jobs = torch.cartesian_prod(torch.arange(len(pixels)), torch.arange(drops.shape[1]))
    for image, cell in (job.unbind(1) for job in jobs.split(batch_size)):
        near_row = (row - rearrange(cell // grid.w, "n -> n 1")).abs() <= window // 2
        near_column = (column - rearrange(cell % grid.w, "n -> n 1")).abs() <= window // 2
        hidden = near_row[:, None, :, None] & near_column[:, None, None, :]
        altered = pixels[image].masked_fill(hidden.to(pixels.device), 0.0)
        after = target_logits(backbone.forward(altered), target[image])
        drops[image, cell] = (before[image.to(before.device)] - after).cpu()
    return Saliency(rearrange(drops, "b (h w) -> b h w", h=grid.h, w=grid.w))
