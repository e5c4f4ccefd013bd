"""Archetypal sparse autoencoder: a TopK one whose concepts are mixtures of real tokens.

D = (W C + L) * s with the rows of W convex weights over candidates C, here the k-means centres of
the tokens, |L_i| <= bound, and one scale s (RA-SAE; Fel et al. 2025, arXiv 2502.12892). Because
concepts cannot leave the neighbourhood of the data, runs with other seeds agree better.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.selection import kept
from core.concepts.sae.archetypes import Archetypes
from core.concepts.sae.bank import Autoencoder
from core.concepts.sae.loop import optimise
from core.concepts.sae.plan import Plan, Training
from core.concepts.sae.sparse_step import n_kept
from core.types import FitData


@dataclass(frozen=True)
class Bank(Autoencoder):
    scale: Float[Tensor, " k"]
    """norm of the trained dictionary's rows: codes are solved for those"""
    top_k: Tensor
    """0-d, latents kept a token"""

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """At most top_k positive codes a token, in units of activation; the rest exactly 0."""
        return kept(torch.relu(self.pre(x)), int(self.top_k)) * self.scale


def fit(
    data: FitData,
    *,
    n_concepts: int = 256,
    seed: int = 0,
    top_k: int = 0,
    n_candidates: int = 0,
    relaxation: float = 0.1,
    **training: Unpack[Training],
) -> Bank:
    """Train on a stream of shuffled tokens.

    `n_candidates` centres; 0: twice the latents, at most 2,048. `relaxation` bounds how far a
    concept may leave their mixtures, as a share of a mean token's distance from the mean token.
    `top_k` latents a token; 0: one in 32, between 1 and 32. Raises ValueError when top_k exceeds
    n_concepts, for a negative `relaxation` and for too few, equal or infinite tokens.
    """
    kept = n_kept(top_k, n_concepts)
    archetypes = Archetypes.initial(
        data, n_concepts, n_candidates=n_candidates, relaxation=relaxation, top_k=kept, seed=seed
    )
    optimise(data, archetypes, archetypes.step, Plan(seed=seed, **training))
    return Bank(**archetypes.fields(), top_k=torch.tensor(kept))
