"""JumpReLU sparse autoencoder: every latent has a threshold of its own.

z = p * H(p - t) with p = W (x - b) + e and H the unit step (Rajamanoharan et al. 2024, arXiv
2407.14435), trained on mean |x - (z D + b)|^2 / d + sparsity * |z|_0. The step has no gradient; a
straight-through one stands in for t: with K = 1 on [-1/2, 1/2] and bandwidth h,
dz/dt = -(t / h) K((p - t) / h) and dH/dt = -(1 / h) K((p - t) / h).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Unpack

from jaxtyping import Float
from torch import Tensor

from core.concepts.sae.bank import Autoencoder, shared
from core.concepts.sae.descent import descended
from core.concepts.sae.loop import Objective
from core.concepts.sae.plan import Plan, Training
from core.types import FitData


@dataclass(frozen=True)
class Bank(Autoencoder):
    threshold: Float[Tensor, " k"]
    """positive: weaker codes are 0"""

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Codes above their threshold, in units of activation; the rest exactly 0."""
        pre = self.pre(x)
        return pre * (pre > self.threshold)


def fit(
    data: FitData,
    *,
    n_concepts: int = 256,
    seed: int = 0,
    sparsity: float = 0.01,
    bandwidth: float = 0.1,
    **training: Unpack[Training],
) -> Bank:
    """Train on a stream of shuffled tokens.

    `sparsity` is the share of a mean token's variance that a latent must rebuild to be worth its
    place; `bandwidth` is in units of the activations' scale. Raises ValueError for fewer tokens
    than latents, equal tokens, a `sparsity` or `bandwidth` that is not positive and activations
    that are not finite.
    """
    if sparsity <= 0 or bandwidth <= 0:
        raise ValueError(f"sparsity and bandwidth must be above 0, not {sparsity} and {bandwidth}")
    # a code z rebuilds z^2 of a token's variance, which is d: break-even lies at twice this
    start = 0.5 * math.sqrt(sparsity * data.tokens.width)
    weights = descended(
        data,
        n_concepts,
        lambda x, warm_up: objective(x, sparsity=warm_up * sparsity, bandwidth=bandwidth),
        Plan(seed=seed, **training),
        fresh={"log_threshold": math.log(start)},
    )
    return Bank(
        **shared(weights.dictionary, weights),
        threshold=weights.extra["log_threshold"].exp() * weights.unit,
    )


def objective(x: Float[Tensor, "b d"], *, sparsity: float, bandwidth: float) -> Objective:
    def of(p: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        pre = (x - p["decoder_bias"]) @ p["encoder"].T + p["encoder_bias"]
        threshold = p["log_threshold"].exp()
        on = (pre > threshold).to(x.dtype).detach()
        near = ((pre - threshold).abs() <= bandwidth / 2).to(x.dtype).detach() / bandwidth
        # zero, with the gradient of the threshold
        move = threshold - threshold.detach()
        codes = pre * on - threshold.detach() * near * move
        n_on = (on - near * move).sum(1).mean()
        residual = x - codes @ p["dictionary"] - p["decoder_bias"]
        return residual.square().mean() + sparsity * n_on, codes, residual

    return of
