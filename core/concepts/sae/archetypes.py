"""The dictionary of the archetypal autoencoder: mixtures of candidates, loosened a little."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.concepts.common.token_sample import refuse_unfit
from core.concepts.factors.kmeans import centroids, unit_rows
from core.concepts.sae import sparse_step
from core.concepts.sae.bank import shared
from core.concepts.sae.loop import EPS, Step
from core.concepts.sae.weights import Weights
from core.types import FitData

_SEEN = 50_000
"""tokens that the candidates are the centres of"""


@dataclass
class Archetypes:
    """Trained in place; all in units of `unit`, as `weights.Weights`."""

    mixture: Float[Tensor, "k m"]
    """non-negative, rows sum to one"""
    candidates: Float[Tensor, "m d"]
    """k-means centres minus the mean token; fixed"""
    relaxation: Float[Tensor, "k d"]
    bound: float
    """on the norm of each row of `relaxation`"""
    log_scale: Float[Tensor, ""]
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder_bias: Float[Tensor, " d"]
    unit: float
    top_k: int

    @classmethod
    @torch.inference_mode(mode=False)
    def initial(
        cls,
        data: FitData,
        k: int,
        *,
        n_candidates: int,
        relaxation: float,
        top_k: int,
        seed: int,
    ) -> Archetypes:
        """Each concept starts nine tenths at one candidate, and a tenth at all.

        Raises ValueError for fewer different tokens than candidates, and what `Weights.initial`
        raises.
        """
        if relaxation < 0 or n_candidates < 0:
            raise ValueError(
                f"relaxation and n_candidates must be 0 or more, not {relaxation} and "
                f"{n_candidates}"
            )
        start = Weights.initial(data.tokens, k, tied=True, seed=seed)
        seen = data.tokens.sample(_SEEN, seed=seed)
        m = n_candidates or min(2 * k, 2048, len(seen))
        refuse_unfit(seen, n_concepts=m, title="the choice of archetypes (n_candidates)")
        data.progress(f"{m} candidates among {len(seen)} tokens")
        centres = centroids(seen / start.unit - start.decoder_bias, m, seed=seed)
        generator = torch.Generator().manual_seed(seed)
        chosen = torch.cat([torch.randperm(m, generator=generator) for _ in range(-(-k // m))])[:k]
        mixture = torch.full((k, m), 0.1 / m)
        mixture[torch.arange(k), chosen] += 0.9
        # concepts of about unit length keep the encoder's steps in proportion to its entries
        log_scale = -centres.norm(dim=1).mean().clamp_min(EPS).log()
        return cls(
            mixture=mixture,
            candidates=centres,
            relaxation=torch.zeros_like(start.dictionary),
            bound=relaxation * seen.shape[1] ** 0.5,
            log_scale=log_scale,
            encoder=unit_rows(mixture @ centres),
            encoder_bias=start.encoder_bias,
            decoder_bias=start.decoder_bias,
            unit=start.unit,
            top_k=top_k,
        )

    @property
    def n_latents(self) -> int:
        return len(self.encoder)

    def dictionary(self) -> Float[Tensor, "k d"]:
        return self.log_scale.exp() * (self.mixture @ self.candidates + self.relaxation)

    def parameters(self) -> dict[str, Tensor]:
        names = ("mixture", "relaxation", "log_scale", "encoder", "encoder_bias", "decoder_bias")
        return {name: getattr(self, name) for name in names}

    def step(self, x: Float[Tensor, "b d"], warm_up: float) -> Step:  # noqa: ARG002
        """The TopK step, its dictionary's gradient led on to what the dictionary is made of."""
        rows = self.dictionary()
        weights = Weights(rows, self.encoder, self.encoder_bias, self.decoder_bias, True, self.unit)
        result = sparse_step.step(weights, x, top_k=self.top_k)
        slope = result.gradients.pop("dictionary")
        scaled = slope * self.log_scale.exp()
        result.gradients["mixture"] = scaled @ self.candidates.T
        result.gradients["relaxation"] = scaled
        result.gradients["log_scale"] = (slope * rows).sum()
        return result

    def fields(self) -> dict[str, Tensor]:
        """Of an `archetypal.Bank`, all but its `top_k`."""
        rows = self.dictionary()
        return {**shared(unit_rows(rows), self), "scale": rows.norm(dim=1)}

    def settle(self) -> None:
        self.mixture.clamp_min_(0)
        sums = self.mixture.sum(1, keepdim=True)
        # a row that lost all its weights starts again at the middle
        self.mixture.add_((sums <= EPS) / self.mixture.shape[1])
        self.mixture.div_(self.mixture.sum(1, keepdim=True))
        norms = self.relaxation.norm(dim=1, keepdim=True).clamp_min(EPS)
        self.relaxation.mul_((self.bound / norms).clamp_max(1))

    def revive(self, dead: Int[Tensor, " f"], rows: Float[Tensor, "f d"]) -> list[Tensor]:
        """A silent concept becomes the candidate that points most along its row."""
        best = (rows @ unit_rows(self.candidates).T).argmax(1)
        live = torch.ones(self.n_latents, dtype=torch.bool)
        live[dead] = False
        norm = self.encoder[live].norm(dim=1).mean() if live.any() else torch.tensor(1.0)
        self.mixture[dead] = torch.nn.functional.one_hot(best, len(self.candidates)).float()
        self.relaxation[dead] = 0.0
        self.encoder[dead] = unit_rows(self.candidates[best]) * 0.2 * norm
        self.encoder_bias[dead] = 0.0
        return [self.mixture, self.relaxation, self.encoder, self.encoder_bias]
