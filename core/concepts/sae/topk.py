"""TopK sparse autoencoder: a token is a sum of its few strongest latents.

z = TopK(ReLU(W (x - b) + e)), reconstruction z @ D + b, with unit rows in D (Makhzani & Frey 2013,
arXiv 1312.5663; Gao et al. 2024, arXiv 2406.04093, equations 2-3). `b` is tied: subtracted before
encoding and added after; with tied=False only added. Silent latents revive on the worst tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.selection import kept
from core.concepts.sae.bank import Autoencoder, shared
from core.concepts.sae.placing import placed
from core.concepts.sae.plan import Plan, Training
from core.concepts.sae.sparse_step import train
from core.concepts.sae.weights import Weights
from core.types import FitData


@dataclass(frozen=True)
class Bank(Autoencoder):
    top_k: Tensor
    """0-d, latents kept a token"""
    tied: Tensor
    """0-d boolean: whether decoder_bias is subtracted before encoding"""

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """At most top_k positive codes a token, in units of activation; the rest exactly 0."""
        return kept(torch.relu(self.pre(x)), int(self.top_k))

    def projected(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        return super().projected(x) if bool(self.tied) else x @ self.encoder.T


def fit(
    data: FitData,
    *,
    n_concepts: int = 256,
    seed: int = 0,
    top_k: int = 8,
    tied: bool = True,
    **training: Unpack[Training],
) -> Bank:
    """Train on a stream of shuffled tokens; memory does not grow with their number.

    Raises ValueError when top_k exceeds n_concepts, and for too few, equal or infinite tokens.
    """
    if not 0 < top_k <= n_concepts:
        raise ValueError(f"top_k must lie between 1 and n_concepts = {n_concepts}, not {top_k}")
    data = placed(data)
    start = Weights.initial(data.tokens, n_concepts, tied=tied, seed=seed)
    weights = train(data, start, Plan(seed=seed, **training), top_k=top_k).cpu()
    rule = {"top_k": torch.tensor(top_k), "tied": torch.tensor(tied)}
    return Bank(**shared(weights.dictionary, weights), **rule)
