"""Codebook features: a token is the sum of the few codes nearest to it.

The top_k codes of highest cosine with x - mean are on, each at its own fixed size: x ~ mean + their
sum (Tamkin et al. 2023, arXiv 2310.17230). A code is on or off, nothing between. The choice has no
gradient; the codes follow that of |x - mean - sum|^2 with the choice held fixed, which is what
straight-through training leaves when the model below is frozen.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.concepts.common.rows import refuse_unfit
from core.concepts.common.selection import strongest
from core.concepts.common.stored import Stored
from core.concepts.factors.kmeans import centroids, unit_rows
from core.concepts.sae.loop import EPS, Plan, Step, optimise
from core.concepts.sae.training import Sparse, n_kept
from core.concepts.sae.weights import Weights
from core.types import FitData

_SEEN = 50_000
"""tokens that the codes start as centres of"""


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows"""
    norms: Float[Tensor, " k"]
    """each code's length, its value wherever it is on"""
    mean: Float[Tensor, " d"]
    top_k: Tensor
    """0-d, codes on a token"""
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return self.mean

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Exactly top_k codes a token, each its norm in units of activation; the rest 0."""
        cosine = (x - self.mean) @ self.directions.T
        index = strongest(cosine, int(self.top_k))[1]
        return torch.zeros_like(cosine).scatter_(-1, index, self.norms[index])


def fit(
    data: FitData,
    *,
    n_concepts: int = 64,
    seed: int = 0,
    top_k: int = 0,
    n_steps: int = 1500,
    batch: int = 1024,
    lr: float = 1e-2,
    revive_every: int = 250,
) -> Bank:
    """Train on a stream of shuffled tokens, from k-means centres.

    `top_k` codes a token; 0: one in 32, between 1 and 32. Raises ValueError when top_k exceeds
    n_concepts, for more codes than different tokens and for activations that are not finite.
    """
    kept = n_kept(top_k, n_concepts)
    codebook = Codebook.initial(data, n_concepts, top_k=kept, seed=seed)
    optimise(data, codebook, codebook.step, Plan(n_steps, batch, lr, revive_every, seed))
    return Bank(
        directions=unit_rows(codebook.codes),
        norms=codebook.codes.norm(dim=1) * codebook.unit,
        mean=codebook.mean * codebook.unit,
        top_k=torch.tensor(kept),
    )


@dataclass
class Codebook:
    """Trained in place; all in units of `unit`, as `weights.Weights`."""

    codes: Float[Tensor, "k d"]
    mean: Float[Tensor, " d"]
    """fixed"""
    unit: float
    top_k: int

    @classmethod
    @torch.inference_mode(mode=False)
    def initial(cls, data: FitData, k: int, *, top_k: int, seed: int) -> Codebook:
        start = Weights.initial(data.tokens, k, tied=True, seed=seed)
        seen = data.tokens.sample(_SEEN, seed=seed)
        refuse_unfit(seen, n_concepts=k, title="the codebook")
        centres = centroids(seen / start.unit - start.decoder_bias, k, seed=seed)
        return cls(centres / top_k, start.decoder_bias, start.unit, top_k)

    @property
    def n_latents(self) -> int:
        return len(self.codes)

    def parameters(self) -> dict[str, Tensor]:
        return {"codes": self.codes}

    def step(self, x: Float[Tensor, "b d"], warmth: float) -> Step:  # noqa: ARG002
        centred = x - self.mean
        index = strongest(centred @ unit_rows(self.codes).T, self.top_k)[1]
        chosen = Sparse(index, torch.ones_like(index, dtype=x.dtype), n_columns=self.n_latents)
        residual = centred - chosen.matmul(self.codes)[0]
        return Step(
            loss=residual.square().mean(),
            gradients={"codes": chosen.transposed_matmul(residual * (-2.0 / x.numel()))},
            fired=torch.bincount(index.flatten(), minlength=self.n_latents) > 0,
            residual=residual,
            codes=chosen.values,
        )

    def settle(self) -> None:
        """Codes are free."""

    def revive(self, dead: Int[Tensor, " f"], rows: Float[Tensor, "f d"]) -> list[Tensor]:
        live = torch.ones(self.n_latents, dtype=torch.bool)
        live[dead] = False
        norm = self.codes[live].norm(dim=1).mean().clamp_min(EPS)
        self.codes[dead] = rows * norm
        return [self.codes]
