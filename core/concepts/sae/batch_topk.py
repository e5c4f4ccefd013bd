"""BatchTopK sparse autoencoder: a budget of latents for the batch, not for each token.

In training the top_k * b strongest latents of a batch of b tokens stay on, so that a rich token may
use more than a plain one (Bussmann et al. 2024, arXiv 2412.06410). A bank must treat every token
alike whatever comes with it, so it keeps codes above one threshold: the running mean of the weakest
code that stayed on.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.stored import Stored
from core.concepts.sae.batch_budget import trained
from core.concepts.sae.loop import Plan
from core.concepts.sae.placing import placed
from core.concepts.sae.training import n_kept
from core.concepts.sae.weights import Weights
from core.types import FitData


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """the dictionary: unit rows"""
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder_bias: Float[Tensor, " d"]
    threshold: Tensor
    """0-d: weaker codes are 0"""
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return self.decoder_bias

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Codes above the threshold, in units of activation; the rest exactly 0."""
        pre = torch.relu((x - self.decoder_bias) @ self.encoder.T + self.encoder_bias)
        return pre * (pre >= self.threshold)


def fit(
    data: FitData,
    *,
    n_concepts: int = 256,
    seed: int = 0,
    top_k: int = 0,
    n_steps: int = 1500,
    batch: int = 1024,
    lr: float = 1e-3,
    revive_every: int = 250,
) -> Bank:
    """Train on a stream of shuffled tokens.

    `top_k` latents a token on average; 0: one in 32, between 1 and 32. Raises ValueError when top_k
    exceeds n_concepts, for fewer tokens than latents, equal tokens and activations that are not
    finite.
    """
    data = placed(data)
    weights, threshold = trained(
        data,
        Weights.initial(data.tokens, n_concepts, tied=True, seed=seed),
        Plan(n_steps, batch, lr, revive_every, seed),
        prefixes=(n_concepts,),
        top_k=n_kept(top_k, n_concepts),
    )
    return Bank(
        directions=weights.dictionary,
        encoder=weights.encoder,
        encoder_bias=weights.encoder_bias * weights.unit,
        decoder_bias=weights.decoder_bias * weights.unit,
        threshold=torch.tensor(threshold * weights.unit),
    )
