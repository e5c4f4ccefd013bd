"""Random unit directions: the control that a learned bank has to beat.

The same number of directions, and with `top_k` the same number of non-zero codes a token, as the
bank it is compared with, but nothing learned except one number, the gain that fits the tokens best
(in the spirit of the random baselines of Adebayo et al. 2018, arXiv 1810.03292).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.selection import kept
from core.concepts.common.stored import Stored
from core.concepts.common.token_sample import sampled
from core.concepts.factors.kmeans import unit_rows
from core.types import FitData


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows"""
    centre: Float[Tensor, " d"]
    """the mean token, or zeros for non-negative directions"""
    gain: Tensor
    """0-d: factor of every projection"""
    top_k: Tensor
    """0-d: codes kept a token; 0: every positive one"""
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return self.centre

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Positive projections times the gain, in units of activation."""
        return self.gain * _projections(x - self.centre, self.directions, int(self.top_k))


def fit(
    data: FitData,
    *,
    n_concepts: int = 24,
    seed: int = 0,
    top_k: int = 0,
    non_negative: bool = False,
    max_rows: int = 20_000,
) -> Bank:
    """Draw directions; `non_negative` ones are the control of NMF, and are not centred.

    Raises ValueError when top_k exceeds n_concepts and for activations that are not finite.
    """
    if not 0 <= top_k <= n_concepts:
        raise ValueError(f"top_k must lie between 0 and n_concepts = {n_concepts}, not {top_k}")
    x = sampled(data, max_rows, n_concepts=min(1, n_concepts), seed=seed, title="the random bank")
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(n_concepts, x.shape[1], generator=generator)
    directions = unit_rows(rows.abs() if non_negative else rows)
    centre = torch.zeros(x.shape[1]) if non_negative else x.mean(0)
    # the gain minimises |x - g y|^2 over the sample
    along = squares = 0.0
    for part in (x - centre).split(2048):
        rebuilt = _projections(part, directions, top_k) @ directions
        along += (part * rebuilt).sum().item()
        squares += rebuilt.square().sum().item()
    gain = along / squares if squares else 1.0
    data.progress(f"{n_concepts} random directions, gain {gain:.3g}")
    return Bank(directions, centre, torch.tensor(gain), torch.tensor(top_k))


def _projections(
    x: Float[Tensor, "*n d"], directions: Float[Tensor, "k d"], top_k: int
) -> Float[Tensor, "*n k"]:
    positive = torch.relu(x @ directions.T)
    return kept(positive, top_k) if top_k else positive
