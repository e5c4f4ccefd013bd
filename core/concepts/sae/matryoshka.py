"""Matryoshka sparse autoencoder: dictionaries inside dictionaries, from general to particular.

The first m_1 latents must rebuild tokens on their own, so must the first m_2, up to all; so general
concepts keep to the front and are not absorbed by particular ones (Bussmann et al. 2025, arXiv
2503.17547). Sparsity is BatchTopK's, and the objective the mean error over the prefixes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int
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
    prefixes: Int[Tensor, " p"]
    """rising numbers of latents; the last is all"""
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
    prefixes: Sequence[int] = (),
    n_steps: int = 1500,
    batch: int = 1024,
    lr: float = 1e-3,
    revive_every: int = 250,
) -> Bank:
    """Train on a stream of shuffled tokens.

    `prefixes` rise to n_concepts; without them they are a sixteenth, an eighth, a quarter, a half
    and all. `top_k` latents a token on average; 0: one in 32, between 1 and 32. Raises ValueError
    for other prefixes, when top_k exceeds n_concepts, for fewer tokens than latents, equal tokens
    and activations that are not finite.
    """
    nested = tuple(prefixes) or _halves(n_concepts)
    rising = nested[0] >= 1 and all(a < b for a, b in pairwise(nested))
    if not rising or nested[-1] != n_concepts:
        raise ValueError(
            f"prefixes must rise from 1 or more to n_concepts = {n_concepts}, not {list(nested)}; "
            f"for example {list(_halves(n_concepts))}"
        )
    data = placed(data)
    weights, threshold = trained(
        data,
        Weights.initial(data.tokens, n_concepts, tied=True, seed=seed),
        Plan(n_steps, batch, lr, revive_every, seed),
        prefixes=nested,
        top_k=n_kept(top_k, n_concepts),
    )
    return Bank(
        directions=weights.dictionary,
        encoder=weights.encoder,
        encoder_bias=weights.encoder_bias * weights.unit,
        decoder_bias=weights.decoder_bias * weights.unit,
        threshold=torch.tensor(threshold * weights.unit),
        prefixes=torch.tensor(nested),
    )


def _halves(n: int) -> tuple[int, ...]:
    return tuple(sorted({max(1, n // part) for part in (16, 8, 4, 2, 1)}))
