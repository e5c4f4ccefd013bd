"""TopK sparse autoencoder: a token is a sum of its few strongest latents.

z = TopK(ReLU(W (x - b) + e)), reconstruction z @ D + b, with unit rows in D (Makhzani & Frey 2013,
arXiv 1312.5663; Gao et al. 2024, arXiv 2406.04093, equations 2-3). `b` is tied: subtracted before
encoding and added after; with tied=False only added. Latents that stay silent are revived on the
worst-reconstructed tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.selection import kept
from core.concepts.common.stored import Stored
from core.concepts.sae.loop import Plan
from core.concepts.sae.placing import placed
from core.concepts.sae.training import train
from core.concepts.sae.weights import Weights
from core.types import FitData


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """the dictionary: unit rows"""
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder_bias: Float[Tensor, " d"]
    top_k: Tensor
    """0-d, latents kept a token"""
    tied: Tensor
    """0-d boolean: whether decoder_bias is subtracted before encoding"""
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return self.decoder_bias

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """At most top_k positive codes a token, in units of activation; the rest exactly 0."""
        centred = x - self.decoder_bias if bool(self.tied) else x
        pre = torch.relu(centred @ self.encoder.T + self.encoder_bias)
        return kept(pre, int(self.top_k))


def fit(
    data: FitData,
    *,
    n_concepts: int = 256,
    seed: int = 0,
    top_k: int = 8,
    tied: bool = True,
    n_steps: int = 1500,
    batch: int = 1024,
    lr: float = 1e-3,
    revive_every: int = 250,
) -> Bank:
    """Train on a stream of shuffled tokens; memory does not grow with their number.

    `n_steps` batches of `batch` tokens, Adam at `lr` with warm-up over the first 5 % and linear
    decay over the last 20 %. Raises ValueError when top_k exceeds n_concepts or there are fewer
    tokens than latents.
    """
    if not 0 < top_k <= n_concepts:
        raise ValueError(f"top_k must lie between 1 and n_concepts = {n_concepts}, not {top_k}")
    data = placed(data)
    weights = train(
        data,
        Weights.initial(data.tokens, n_concepts, tied=tied, seed=seed),
        Plan(n_steps, batch, lr, revive_every, seed),
        top_k=top_k,
    ).cpu()
    return Bank(
        directions=weights.dictionary,
        encoder=weights.encoder,
        encoder_bias=weights.encoder_bias * weights.unit,
        decoder_bias=weights.decoder_bias * weights.unit,
        top_k=torch.tensor(top_k),
        tied=torch.tensor(tied),
    )
