"""Sparse autoencoder with an L1 penalty: the classic.

z = ReLU(W (x - b) + e), reconstruction z @ D + b with unit rows in D, trained on
mean |x - (z D + b)|^2 / d + sparsity * |z|_1 / sqrt(d) (Cunningham et al. 2023, arXiv 2309.08600;
Bricken et al. 2023, "Towards Monosemanticity"; for vision, Rao et al. 2024, arXiv 2407.14499).
Everything is in units of the activations' scale, so that one `sparsity` serves every layer.
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
    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Non-negative codes in units of activation."""
        return torch.relu(self.pre(x))


def fit(
    data: FitData,
    *,
    n_concepts: int = 256,
    seed: int = 0,
    sparsity: float = 0.1,
    **training: Unpack[Training],
) -> Bank:
    """Train on a stream of shuffled tokens.

    `sparsity` pulls every code down by sparsity / 2 of a mean token's norm: latents that rebuild
    less stay off. Raises ValueError for a negative `sparsity` and for too few, equal or infinite
    tokens.
    """
    if sparsity < 0:
        raise ValueError(f"sparsity must be 0 or more, not {sparsity}")
    plan = Plan(seed=seed, **training)
    weights = descended(data, n_concepts, lambda x, warm_up: objective(x, warm_up * sparsity), plan)
    return Bank(**shared(weights.dictionary, weights))


def objective(x: Float[Tensor, "b d"], sparsity: float) -> Objective:
    def of(p: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        codes = torch.relu((x - p["decoder_bias"]) @ p["encoder"].T + p["encoder_bias"])
        residual = x - codes @ p["dictionary"] - p["decoder_bias"]
        penalty = codes.sum(1).mean() / x.shape[1] ** 0.5
        return residual.square().mean() + sparsity * penalty, codes, residual

    return of
