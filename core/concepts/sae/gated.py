"""Gated sparse autoencoder: one path decides whether a latent is on, another how much.

z = 1[p > 0] * ReLU(exp(r) * W (x - b) + m) with the gate p = W (x - b) + e, trained on
mean |x - (z D + b)|^2 / d + sparsity * |ReLU(p)|_1 / sqrt(d) + mean |x - (ReLU(p) D' + b')|^2 / d,
where D' and b' take no gradient (Rajamanoharan et al. 2024, arXiv 2404.16014). The
penalty shrinks the gate alone, not the codes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.sae.bank import Autoencoder, shared
from core.concepts.sae.descent import descended
from core.concepts.sae.loop import Objective
from core.concepts.sae.plan import Plan, Training
from core.types import FitData


@dataclass(frozen=True)
class Bank(Autoencoder):
    magnitude: Float[Tensor, " k"]
    """positive: how much steeper the codes are than the gate"""
    magnitude_bias: Float[Tensor, " k"]

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Non-negative codes in units of activation; exactly 0 where the gate is shut."""
        along = self.projected(x)
        size = torch.relu(along * self.magnitude + self.magnitude_bias)
        return size * (along + self.encoder_bias > 0)


def fit(
    data: FitData,
    *,
    n_concepts: int = 256,
    seed: int = 0,
    sparsity: float = 0.3,
    **training: Unpack[Training],
) -> Bank:
    """Train on a stream of shuffled tokens.

    `sparsity` pulls every gate down by sparsity / 2 of a mean token's norm. Raises ValueError for
    fewer tokens than latents, equal tokens, a negative `sparsity` and activations that are not
    finite.
    """
    if sparsity < 0:
        raise ValueError(f"sparsity must be 0 or more, not {sparsity}")
    weights = descended(
        data,
        n_concepts,
        lambda x, warm_up: objective(x, warm_up * sparsity),
        Plan(seed=seed, **training),
        fresh={"log_magnitude": 0.0, "magnitude_bias": 0.0},
    )
    return Bank(
        **shared(weights.dictionary, weights),
        magnitude=weights.extra["log_magnitude"].exp(),
        magnitude_bias=weights.extra["magnitude_bias"] * weights.unit,
    )


def objective(x: Float[Tensor, "b d"], sparsity: float) -> Objective:
    def of(p: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        shared = (x - p["decoder_bias"]) @ p["encoder"].T
        gate = torch.relu(shared + p["encoder_bias"])
        size = torch.relu(shared * p["log_magnitude"].exp() + p["magnitude_bias"])
        codes = size * (gate > 0)
        residual = x - codes @ p["dictionary"] - p["decoder_bias"]
        penalty = gate.sum(1).mean() / x.shape[1] ** 0.5
        # without this term nothing but the penalty would reach the gate
        by_gate = x - gate @ p["dictionary"].detach() - p["decoder_bias"].detach()
        loss = residual.square().mean() + sparsity * penalty + by_gate.square().mean()
        return loss, codes, residual

    return of
