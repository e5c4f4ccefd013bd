"""Training with a budget of latents for the batch, over nested dictionaries.

One prefix, all latents, is BatchTopK; several are the matryoshka autoencoder.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.sae.bank import shared
from core.concepts.sae.descent import descended
from core.concepts.sae.loop import Objective
from core.concepts.sae.plan import Plan
from core.types import FitData


def trained(data: FitData, plan: Plan, *, prefixes: Sequence[int], top_k: int) -> dict[str, Tensor]:
    """The fields of a `batch_topk.Bank` with as many latents as the last prefix."""
    threshold = Running()
    weights = descended(
        data,
        prefixes[-1],
        lambda x, _: objective(x, prefixes, top_k, threshold),
        plan,
        also={"threshold": threshold.state},
    )
    weakest = torch.tensor(threshold.mean * weights.unit)
    return {**shared(weights.dictionary, weights), "threshold": weakest}


class Running:
    """A running mean that forgets the beginning: weights move while it is taken."""

    @torch.inference_mode(mode=False)
    def __init__(self) -> None:
        self.state = torch.zeros(2, dtype=torch.float64)
        """the mean, and how many values made it"""

    @property
    def mean(self) -> float:
        return self.state[0].item()

    def add(self, value: float) -> None:
        self.state[1] += 1
        self.state[0] += max(1 / self.state[1].item(), 0.02) * (value - self.state[0])


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
        rebuilt, loss, first = p["decoder_bias"], x.new_zeros(()), 0
        for last in prefixes:
            rebuilt = rebuilt + codes[:, first:last] @ p["dictionary"][first:last]
            residual = x - rebuilt
            loss = loss + residual.square().mean() / len(prefixes)
            first = last
        return loss, codes, residual

    return of
