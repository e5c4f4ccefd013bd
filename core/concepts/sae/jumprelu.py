"""JumpReLU sparse autoencoder: every latent has a threshold of its own.

z = p * H(p - t) with p = W (x - b) + e and H the unit step (Rajamanoharan et al. 2024, arXiv
2407.14435), trained on mean |x - (z D + b)|^2 / d + sparsity * |z|_0. The step has no gradient; a
straight-through one stands in for t: with K = 1 on [-1/2, 1/2] and bandwidth h,
dz/dt = -(t / h) K((p - t) / h) and dH/dt = -(1 / h) K((p - t) / h).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
    threshold: Float[Tensor, " k"]
    """positive: weaker codes are 0"""
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return self.decoder_bias

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Codes above their threshold, in units of activation; the rest exactly 0."""
        pre = (x - self.decoder_bias) @ self.encoder.T + self.encoder_bias
        return pre * (pre > self.threshold)


def fit(
    data: FitData,
    *,
    n_concepts: int = 256,
    seed: int = 0,
    sparsity: float = 0.01,
    bandwidth: float = 0.1,
    n_steps: int = 1500,
    batch: int = 1024,
    lr: float = 1e-3,
    revive_every: int = 250,
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
    data = placed(data)
    weights = Weights.initial(
        data.tokens, n_concepts, tied=True, seed=seed, fresh={"log_threshold": math.log(start)}
    )

    def step(x: Float[Tensor, "b d"], warmth: float) -> Step:
        return differentiated(
            weights.parameters(), objective(x, sparsity=warmth * sparsity, bandwidth=bandwidth)
        )

    optimise(data, weights, step, Plan(n_steps, batch, lr, revive_every, seed))
    weights = weights.cpu()
    return Bank(
        directions=weights.dictionary,
        encoder=weights.encoder,
        encoder_bias=weights.encoder_bias * weights.unit,
        decoder_bias=weights.decoder_bias * weights.unit,
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
