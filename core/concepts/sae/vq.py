"""Codebook features: a token is the sum of the few codes nearest to it.

The top_k codes of highest cosine with x - mean are on, each at its own fixed size: x ~ mean + their
sum (Tamkin et al. 2023, arXiv 2310.17230). A code is on or off, nothing between. The choice has no
gradient; the codes follow that of |x - mean - sum|^2 with the choice held fixed, which is what
straight-through training leaves when the model below is frozen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.selection import strongest
from core.concepts.common.stored import Stored
from core.concepts.factors.kmeans import unit_rows
from core.concepts.sae.codebook import Codebook
from core.concepts.sae.loop import optimise
from core.concepts.sae.plan import Pace, Plan
from core.concepts.sae.sparse_step import n_kept
from core.types import FitData


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows"""
    norms: Float[Tensor, " k"]
    """each code's length, its value wherever it is on"""
    mean: Float[Tensor, " d"]
    top_k: Tensor
    """0-d, codes on a token"""
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return self.mean

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Exactly top_k codes a token, each its norm in units of activation; the rest 0."""
        cosine = (x - self.mean) @ self.directions.T
        index = strongest(cosine, int(self.top_k))[1]
        return torch.zeros_like(cosine).scatter_(-1, index, self.norms[index])


def fit(
    data: FitData,
    *,
    n_concepts: int = 64,
    seed: int = 0,
    top_k: int = 0,
    lr: float = 1e-2,
    **training: Unpack[Pace],
) -> Bank:
    """Train on a stream of shuffled tokens, from k-means centres.

    `top_k` codes a token; 0: one in 32, between 1 and 32. Raises ValueError when top_k exceeds
    n_concepts, for more codes than different tokens and for activations that are not finite.
    """
    kept = n_kept(top_k, n_concepts)
    codebook = Codebook.initial(data, n_concepts, top_k=kept, seed=seed)
    optimise(data, codebook, codebook.step, Plan(lr=lr, seed=seed, **training))
    return Bank(
        directions=unit_rows(codebook.codes),
        norms=codebook.codes.norm(dim=1) * codebook.unit,
        mean=codebook.mean * codebook.unit,
        top_k=torch.tensor(kept),
    )
