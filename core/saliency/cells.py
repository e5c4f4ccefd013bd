"""Which pixels belong to which cell of a token grid: every pixel to exactly one."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.types import Grid


def cell_of_pixels(n_pixels: int, n_cells: int) -> Int[Tensor, " n"]:
    """The cell that holds the centre of each pixel along one side."""
    centres = (torch.arange(n_pixels) + 0.5) * n_cells / n_pixels
    return centres.floor().long().clamp(max=n_cells - 1)


def sum_by_cell(values: Float[Tensor, "b H W"], grid: Grid) -> Float[Tensor, "b h w"]:
    """Sums of pixels in each cell; the total stays what it was."""
    rows = cell_of_pixels(values.shape[1], grid.h).to(values.device)
    columns = cell_of_pixels(values.shape[2], grid.w).to(values.device)
    by_row = values.new_zeros(len(values), grid.h, values.shape[2]).index_add(1, rows, values)
    return by_row.new_zeros(len(values), grid.h, grid.w).index_add(2, columns, by_row)
