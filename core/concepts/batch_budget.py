"""Training with a budget of latents for the batch, over nested dictionaries.

One prefix, all latents, is BatchTopK; several are the matryoshka autoencoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.sae_loop import Objective, Step, differentiated, optimise
from core.concepts.sae_training import Weights
from core.types import FitData


def trained(
    data: FitData,
    weights: Weights,
    *,
    prefixes: Sequence[int],
    top_k: int,
    n_steps: int,
    batch: int,
    lr: float,
    revive_every: int,
    seed: int,
) -> tuple[Weights, float]:
    """Weights trained in place, and the threshold, in `Weights.unit`."""
    threshold = Running()

    def step(x: Float[Tensor, "b d"], _: float) -> Step:
        return differentiated(weights.parameters(), objective(x, prefixes, top_k, threshold))

    optimise(
        data.tokens,
        weights,
        step,
        n_steps=n_steps,
        batch=batch,
        lr=lr,
        revive_every=revive_every,
        seed=seed,
        progress=data.progress,
    )
    return weights, threshold.mean


@dataclass
class Running:
    """A running mean that forgets the beginning: weights move while it is taken."""

    mean: float = 0.0
    n: int = 0

    def add(self, value: float) -> None:
        self.n += 1
        self.mean += max(1 / self.n, 0.02) * (value - self.mean)


def objective(
    x: Float[Tensor, "b d"], prefixes: Sequence[int], top_k: int, threshold: Running
) -> Objective:
    """Mean over nested dictionaries, the first latents up to each prefix, of their error."""

    def of(p: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        pre = torch.relu((x - p["decoder_bias"]) @ p["encoder"].T + p["encoder_bias"])
        weakest = pre.detach().flatten().topk(top_k * len(x), sorted=False).values.min()
        codes = pre * (pre >= weakest)
        if weakest > 0:
            threshold.add(weakest.item())
        rebuilt, loss, first = p["decoder_bias"], torch.zeros(()), 0
        for last in prefixes:
            rebuilt = rebuilt + codes[:, first:last] @ p["dictionary"][first:last]
            residual = x - rebuilt
            loss = loss + residual.square().mean() / len(prefixes)
            first = last
        return loss, codes, residual

    return of
