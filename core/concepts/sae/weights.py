"""The weights of sparse autoencoders: how they start, and how dead latents start again."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.concepts.common.token_sample import refuse_non_finite
from core.concepts.sae.loop import EPS
from core.types import TokenStream

_SEEN = 50_000
"""tokens that estimate the scale and the centre of the activations"""


@dataclass
class Weights:
    """All in units of `unit`, the mean token's norm over sqrt(d), so that lr means the same
    everywhere."""

    dictionary: Float[Tensor, "k d"]
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder_bias: Float[Tensor, " d"]
    tied: bool
    unit: float
    extra: dict[str, Float[Tensor, " k"]] = field(default_factory=dict)
    """further parameters, one number a latent"""
    fresh: dict[str, float] = field(default_factory=dict)
    """where each of `extra` starts, and starts again after a revival"""

    @classmethod
    @torch.inference_mode(mode=False)
    def initial(
        cls,
        tokens: TokenStream,
        k: int,
        *,
        tied: bool,
        seed: int,
        fresh: dict[str, float] | None = None,
    ) -> Weights:
        """Dictionary of random unit rows, encoder its transpose, bias the mean token.

        Raises ValueError for fewer tokens than latents, for tokens that are all equal and for
        activations that are not finite.
        """
        if not 0 < k <= tokens.n_tokens:
            raise ValueError(
                f"an SAE with {k} latents needs at least as many tokens, but there are "
                f"{tokens.n_tokens}; ask for fewer latents (1 or more) or use more images"
            )
        seen = tokens.sample(_SEEN, seed=seed)
        refuse_non_finite(seen)
        centre = seen.mean(0)
        unit = ((seen - centre).norm(dim=1).mean() / seen.shape[1] ** 0.5).item()
        # the mean of equal numbers is off by a rounding error
        if unit <= 1e-6 * seen.abs().max().item():
            raise ValueError("all tokens are equal, so there is nothing to learn")
        generator = torch.Generator().manual_seed(seed)
        rows = torch.randn(k, seen.shape[1], generator=generator)
        rows = (rows / rows.norm(dim=1, keepdim=True)).to(seen.device)
        fresh = fresh or {}
        flat = rows.new_zeros(k)
        extra = {name: torch.full_like(flat, value) for name, value in fresh.items()}
        return cls(rows, rows.clone(), flat, centre / unit, tied, unit, extra, fresh)

    @property
    def n_latents(self) -> int:
        return len(self.encoder)

    def parameters(self) -> dict[str, Tensor]:
        return {
            "dictionary": self.dictionary,
            "encoder": self.encoder,
            "encoder_bias": self.encoder_bias,
            "decoder_bias": self.decoder_bias,
            **self.extra,
        }

    def cpu(self) -> Weights:
        names = ("dictionary", "encoder", "encoder_bias", "decoder_bias")
        moved = {name: getattr(self, name).cpu() for name in names}
        return replace(self, **moved, extra={n: values.cpu() for n, values in self.extra.items()})

    def settle(self) -> None:
        """Unit rows in the dictionary."""
        self.dictionary.div_(self.dictionary.norm(dim=1, keepdim=True).clamp_min(EPS))

    def revive(self, dead: Int[Tensor, " f"], rows: Float[Tensor, "f d"]) -> list[Tensor]:
        """Encoder rows start at a fifth of the live ones (Bricken et al. 2023)."""
        live = torch.ones_like(self.encoder_bias, dtype=torch.bool)
        live[dead] = False
        norm = self.encoder[live].norm(dim=1).mean() if live.any() else 1.0
        self.dictionary[dead] = rows
        self.encoder[dead] = rows * 0.2 * norm
        self.encoder_bias[dead] = 0.0
        for name, values in self.extra.items():
            values[dead] = self.fresh[name]
        return [self.dictionary, self.encoder, self.encoder_bias, *self.extra.values()]
