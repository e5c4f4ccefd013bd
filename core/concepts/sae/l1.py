"""Sparse autoencoder with an L1 penalty: the classic.

z = ReLU(W (x - b) + e), reconstruction z @ D + b with unit rows in D, trained on
mean |x - (z D + b)|^2 / d + sparsity * |z|_1 / sqrt(d) (Cunningham et al. 2023, arXiv 2309.08600;
Bricken et al. 2023, "Towards Monosemanticity"; for vision, Rao et al. 2024, arXiv 2407.14499).
Everything is in units of the activations' scale, so that one `sparsity` serves every layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.stored import Stored
from core.concepts.sae.loop import Objective, Plan, Step, differentiated, optimise
from core.concepts.sae.placing import placed
from core.concepts.sae.weights import Weights
from core.types import FitData


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """the dictionary: unit rows"""
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder_bias: Float[Tensor, " d"]
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return self.decoder_bias

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Non-negative codes in units of activation."""
        return torch.relu((x - self.decoder_bias) @ self.encoder.T + self.encoder_bias)


def fit(
    data: FitData,
    *,
    n_concepts: int = 256,
    seed: int = 0,
    sparsity: float = 0.1,
    n_steps: int = 1500,
    batch: int = 1024,
    lr: float = 1e-3,
    revive_every: int = 250,
) -> Bank:
    """Train on a stream of shuffled tokens.

    `sparsity` pulls every code down by sparsity / 2 of a mean token's norm: latents that rebuild
    less stay off. Raises ValueError for fewer tokens than latents, equal tokens, a negative
    `sparsity` and activations that are not finite.
    """
    if sparsity < 0:
        raise ValueError(f"sparsity must be 0 or more, not {sparsity}")
    data = placed(data)
    weights = Weights.initial(data.tokens, n_concepts, tied=True, seed=seed)

    def step(x: Float[Tensor, "b d"], warmth: float) -> Step:
        return differentiated(weights.parameters(), objective(x, warmth * sparsity))

    optimise(data, weights, step, Plan(n_steps, batch, lr, revive_every, seed))
    weights = weights.cpu()
    return Bank(
        directions=weights.dictionary,
        encoder=weights.encoder,
        encoder_bias=weights.encoder_bias * weights.unit,
        decoder_bias=weights.decoder_bias * weights.unit,
    )


def objective(x: Float[Tensor, "b d"], sparsity: float) -> Objective:
    def of(p: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        codes = torch.relu((x - p["decoder_bias"]) @ p["encoder"].T + p["encoder_bias"])
        residual = x - codes @ p["dictionary"] - p["decoder_bias"]
        penalty = codes.sum(1).mean() / x.shape[1] ** 0.5
        return residual.square().mean() + sparsity * penalty, codes, residual

    return of
