"""The codes of codebook features while they are trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.concepts.common.selection import strongest
from core.concepts.common.token_sample import refuse_unfit
from core.concepts.factors.kmeans import centroids, unit_rows
from core.concepts.sae.loop import EPS, Step
from core.concepts.sae.sparse_step import Sparse
from core.concepts.sae.weights import Weights
from core.types import FitData

_SEEN = 50_000
"""tokens that the codes start as centres of"""


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

    def step(self, x: Float[Tensor, "b d"], warm_up: float) -> Step:  # noqa: ARG002
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
