"""BatchTopK sparse autoencoder: a budget of latents for the batch, not for each token.

In training the top_k * b strongest latents of a batch of b tokens stay on, so that a rich token may
use more than a plain one (Bussmann et al. 2024, arXiv 2412.06410). A bank must treat every token
alike whatever comes with it, so it keeps codes above one threshold: the running mean of the weakest
code that stayed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Unpack

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.sae.bank import Autoencoder
from core.concepts.sae.batch_budget import trained
from core.concepts.sae.plan import Plan, Training
from core.concepts.sae.sparse_step import n_kept
from core.types import FitData


@dataclass(frozen=True)
class Bank(Autoencoder):
    threshold: Tensor
    """0-d: weaker codes are 0"""

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Codes above the threshold, in units of activation; the rest exactly 0."""
        pre = torch.relu(self.pre(x))
        return pre * (pre >= self.threshold)


def fit(
    data: FitData,
    *,
    n_concepts: int = 256,
    seed: int = 0,
    top_k: int = 0,
    **training: Unpack[Training],
) -> Bank:
    """Train on a stream of shuffled tokens.

    `top_k` latents a token on average; 0: one in 32, between 1 and 32. Raises ValueError when top_k
    exceeds n_concepts, and for too few, equal or infinite tokens.
    """
    plan = Plan(seed=seed, **training)
    kept = n_kept(top_k, n_concepts)
    return Bank(**trained(data, plan, prefixes=(n_concepts,), top_k=kept))
