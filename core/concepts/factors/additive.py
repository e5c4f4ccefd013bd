"""A bank whose tokens are non-negative sums of its directions, and of nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.stored import Stored
from core.concepts.factors import nnls


@dataclass(frozen=True)
class Additive(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows"""
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return torch.zeros(self.directions.shape[1])

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """The non-negative least-squares code of each token, in units of activation."""
        return nnls.nnls_codes(x, self.directions)
