"""A sparse autoencoder that was trained elsewhere: a safetensors file beside a small JSON.

Three forms are read, told apart by the JSON:

* `cfg.json` of SAELens: `W_enc` (d k), `b_enc` (k), `W_dec` (k d), `b_dec` (d), for "jumprelu"
  `threshold` (k), for "gated" `b_gate`, `b_mag`, `r_mag` (k) instead of `b_enc`; the rule from
  `architecture` and `activation_fn`, its number from `k` or `activation_fn_kwargs`.
* no JSON: the same four keys, `W_enc`, `b_enc`, `W_dec`, `b_dec`; rule "relu" unless the recipe
  says another.
* `sae.json`, one's own names: {"encoder": key, "encoder_bias": key, "decoder": key,
  "decoder_bias": key, "rule": "relu" | "topk" | "threshold" | "jumprelu", "top_k": number,
  "threshold": key or number, "centred": true when decoder_bias is subtracted first, "layer": name}.

A matrix may lie either way round; its shape says which.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.sae_files import RULES, Found, read
from core.concepts.selection import kept
from core.types import FitData


@dataclass(frozen=True)
class Bank:
    directions: Float[Tensor, "k d"]
    """the decoder's rows, made of unit length"""
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder_bias: Float[Tensor, " d"]
    rule: Tensor
    """0-d, index into `sae_files.RULES`"""
    limit: Float[Tensor, " k"]
    """"topk": how many, the same for all; "threshold", "jumprelu": codes must exceed it"""
    centred: Tensor
    """0-d boolean: whether decoder_bias is subtracted before encoding"""
    magnitude: Float[Tensor, " k"]
    """"gated": how much steeper the codes are than the gate; else 1"""
    magnitude_bias: Float[Tensor, " k"]
    strength: Float[Tensor, " k"]
    """the length that the decoder's rows had; the codes carry it"""
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return self.decoder_bias

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Non-negative codes, in units of activation."""
        return self.strength * self._codes(x)

    def _codes(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """In the units that the autoencoder was trained with."""
        rule = RULES[int(self.rule)]
        shared = (x - self.decoder_bias if bool(self.centred) else x) @ self.encoder.T
        if rule == "gated":
            size = torch.relu(shared * self.magnitude + self.magnitude_bias)
            return size * (shared + self.encoder_bias > 0)
        pre = torch.relu(shared + self.encoder_bias)
        if rule == "topk":
            return kept(pre, int(self.limit[0]))
        return pre * (pre > self.limit)

    def tensors(self) -> dict[str, Tensor]:
        return {
            "directions": self.directions,
            "encoder": self.encoder,
            "encoder_bias": self.encoder_bias,
            "decoder_bias": self.decoder_bias,
            "rule": self.rule,
            "limit": self.limit,
            "centred": self.centred,
            "magnitude": self.magnitude,
            "magnitude_bias": self.magnitude_bias,
            "strength": self.strength,
        }

    def facts(self) -> list[dict[str, float]]:
        return []


def fit(
    data: FitData,
    *,
    n_concepts: int = 0,
    seed: int = 0,  # noqa: ARG001
    path: str = "",
    rule: str = "",
    top_k: int = 0,
) -> Bank:
    """Nothing is fitted: the autoencoder at `path` (a file or its folder) is taken over.

    `rule` and `top_k` say what a file without a JSON cannot. `n_concepts` other than 0 must be the
    number of its latents. Raises ValueError naming the file for a file that is missing or is no
    autoencoder, a rule that is unknown, shapes that contradict each other, another width than the
    activations', another layer, and weights that are not finite.
    """
    if not path:
        raise ValueError(
            'an imported autoencoder needs params = { path = "FILE.safetensors or its folder" }'
        )
    found = read(Path(path), rule=rule, top_k=top_k)
    _fits(found, data, path, n_concepts=n_concepts)
    strength = found.decoder.norm(dim=1)
    data.progress(f"{len(strength)} latents, rule {found.rule}")
    return Bank(
        # a latent that adds nothing may point anywhere: it stays at zero strength
        directions=torch.where(
            strength[:, None] > 0,
            found.decoder / strength[:, None].clamp_min(1e-30),
            found.decoder.shape[1] ** -0.5,
        ),
        encoder=found.encoder,
        encoder_bias=found.encoder_bias,
        decoder_bias=found.decoder_bias,
        rule=torch.tensor(RULES.index(found.rule)),
        limit=found.limit,
        centred=torch.tensor(found.centred),
        magnitude=found.magnitude,
        magnitude_bias=found.magnitude_bias,
        strength=strength,
    )


def _fits(found: Found, data: FitData, path: str, *, n_concepts: int) -> None:
    k, d = found.decoder.shape
    width = data.tokens.width
    if d != width:
        turned = " (its number of latents: was it saved for another layer?)" if k == width else ""
        raise ValueError(
            f"{path} is an autoencoder for activations of width {d}, but those of this layer have "
            f"width {width}{turned}; choose the layer it was trained on"
        )
    if found.layer and data.layer and found.layer != data.layer:
        raise ValueError(
            f"{path} was trained on layer {found.layer}, but the activations are of layer "
            f"{data.layer}; write layer = {found.layer!r} under [backbone]"
        )
    if n_concepts not in (0, k):
        raise ValueError(f"{path} has {k} latents; leave n_concepts = {n_concepts} out")
