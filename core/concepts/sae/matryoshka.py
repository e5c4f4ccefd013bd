"""Matryoshka sparse autoencoder: dictionaries inside dictionaries, from general to particular.

The first m_1 latents must rebuild tokens on their own, so must the first m_2, up to all; so general
concepts keep to the front and are not absorbed by particular ones (Bussmann et al. 2025, arXiv
2503.17547). Sparsity is BatchTopK's, and the objective the mean error over the prefixes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Unpack

import torch
from jaxtyping import Int
from torch import Tensor

from core.concepts.sae import batch_topk
from core.concepts.sae.batch_budget import trained
from core.concepts.sae.plan import Plan, Training
from core.concepts.sae.sparse_step import n_kept
from core.types import FitData


@dataclass(frozen=True)
class Bank(batch_topk.Bank):
    prefixes: Int[Tensor, " p"]
    """rising numbers of latents; the last is all"""


def fit(
    data: FitData,
    *,
    n_concepts: int = 256,
    seed: int = 0,
    top_k: int = 0,
    prefixes: Sequence[int] = (),
    **training: Unpack[Training],
) -> Bank:
    """Train on a stream of shuffled tokens.

    `prefixes` rise to n_concepts; without them they are a sixteenth, an eighth, a quarter, a half
    and all. `top_k` latents a token on average; 0: one in 32, between 1 and 32. Raises ValueError
    for other prefixes, when top_k exceeds n_concepts, and for too few, equal or infinite tokens.
    """
    nested = tuple(prefixes) or _halves(n_concepts)
    rising = nested[0] >= 1 and all(a < b for a, b in pairwise(nested))
    if not rising or nested[-1] != n_concepts:
        raise ValueError(
            f"prefixes must rise from 1 or more to n_concepts = {n_concepts}, not {list(nested)}; "
            f"for example {list(_halves(n_concepts))}"
        )
    plan = Plan(seed=seed, **training)
    fields = trained(data, plan, prefixes=nested, top_k=n_kept(top_k, n_concepts))
    return Bank(**fields, prefixes=torch.tensor(nested))


def _halves(n: int) -> tuple[int, ...]:
    return tuple(sorted({max(1, n // part) for part in (16, 8, 4, 2, 1)}))
