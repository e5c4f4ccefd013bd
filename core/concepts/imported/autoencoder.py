"""A sparse autoencoder that was trained elsewhere: a safetensors file beside a small JSON.

Three forms are read, told apart by the JSON:

* `cfg.json` of SAELens: `W_enc` (d k), `b_enc` (k), `W_dec` (k d), `b_dec` (d), for "jumprelu"
  `threshold` (k), for "gated" `b_gate`, `b_mag`, `r_mag` (k) instead of `b_enc`; the rule from
  `architecture` and `activation_fn`, its number from `k` or `activation_fn_kwargs`; the place from
  `hook_name`.
* no JSON: the same keys; rule "relu" unless the recipe says another, and for "threshold" a
  `threshold` of one number.
* `sae.json`, one's own names: {"encoder": key, "encoder_bias": key, "decoder": key,
  "decoder_bias": key, "rule": "relu" | "topk" | "threshold" | "jumprelu" | "gated", "top_k":
  number, "threshold": key or number, "magnitude": key (its logarithm) and "magnitude_bias": key for
  "gated", "centred": true when decoder_bias is subtracted first, "layer": name}.

A matrix may lie either way round; its shape says which. What contradicts itself is refused, and so
is a file that holds what only another rule uses, until the recipe names the rule.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.selection import kept
from core.concepts.imported.foreign_files import Foreign, read
from core.concepts.imported.named_layout import RULES, Asked
from core.concepts.sae.bank import Autoencoder
from core.types import FitData


@dataclass(frozen=True)
class Bank(Autoencoder):
    rule: Tensor
    """0-d, index into `named_layout.RULES`"""
    limit: Float[Tensor, " k"]
    """"topk": how many, the same for all; "threshold", "jumprelu": codes must exceed it"""
    centred: Tensor
    """0-d boolean: whether decoder_bias is subtracted before encoding"""
    magnitude: Float[Tensor, " k"]
    """"gated": how much steeper the codes are than the gate; else 1"""
    magnitude_bias: Float[Tensor, " k"]
    strength: Float[Tensor, " k"]
    """the length that the decoder's rows had; the codes carry it"""

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Non-negative codes, in units of activation."""
        return self.strength * self._codes(x)

    def projected(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        return super().projected(x) if bool(self.centred) else x @ self.encoder.T

    def _codes(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """In the units that the autoencoder was trained with."""
        rule = RULES[int(self.rule)]
        if rule == "gated":
            along = self.projected(x)
            size = torch.relu(along * self.magnitude + self.magnitude_bias)
            return size * (along + self.encoder_bias > 0)
        pre = torch.relu(self.pre(x))
        if rule == "topk":
            return kept(pre, int(self.limit[0]))
        return pre * (pre > self.limit)


def fit(
    data: FitData,
    *,
    n_concepts: int = 0,
    seed: int = 0,  # noqa: ARG001
    path: str = "",
    rule: str = "",
    top_k: int = 0,
    hook: str = "",
) -> Bank:
    """Nothing is fitted: the autoencoder at `path` (a file or its folder) is taken over.

    `rule` and `top_k` say what a file without a JSON cannot; `hook` confirms that the place which a
    cfg.json names is this layer. `n_concepts` other than 0 must be the number of its latents.
    Raises ValueError naming the file for a file that is missing or is no autoencoder, a rule that
    is unknown or that the file contradicts, shapes that contradict each other, another width than
    the activations', another layer, and weights that are not finite.
    """
    if not path:
        raise ValueError(
            'an imported autoencoder needs params = { path = "FILE.safetensors or its folder" }'
        )
    foreign = read(Path(path), Asked(rule, top_k))
    _fits(foreign, data, path, n_concepts=n_concepts)
    _at_its_place(foreign, data.layer, path, hook=hook)
    strength = foreign.decoder.norm(dim=1)
    data.progress(f"{len(strength)} latents, rule {foreign.rule}")
    return Bank(
        # a latent that adds nothing may point anywhere: it stays at zero strength
        directions=torch.where(
            strength[:, None] > 0,
            foreign.decoder / strength[:, None].clamp_min(1e-30),
            foreign.decoder.shape[1] ** -0.5,
        ),
        encoder=foreign.encoder,
        encoder_bias=foreign.encoder_bias,
        decoder_bias=foreign.decoder_bias,
        rule=torch.tensor(RULES.index(foreign.rule)),
        limit=foreign.limit,
        centred=torch.tensor(foreign.centred),
        magnitude=foreign.magnitude,
        magnitude_bias=foreign.magnitude_bias,
        strength=strength,
    )


def _fits(foreign: Foreign, data: FitData, path: str, *, n_concepts: int) -> None:
    k, d = foreign.decoder.shape
    width = data.tokens.width
    if d != width:
        turned = " (its number of latents: was it saved for another layer?)" if k == width else ""
        raise ValueError(
            f"{path} is an autoencoder for activations of width {d}, but those of this layer have "
            f"width {width}{turned}; choose the layer it was trained on"
        )
    if n_concepts not in (0, k):
        raise ValueError(f"{path} has {k} latents; leave n_concepts = {n_concepts} out")


def _at_its_place(foreign: Foreign, layer: str, path: str, *, hook: str) -> None:
    if foreign.layer and layer and foreign.layer != layer:
        raise ValueError(
            f"{path} was trained on layer {foreign.layer}, but the activations are of layer "
            f"{layer}; write layer = {foreign.layer!r} under [backbone]"
        )
    if hook and hook != foreign.hook:
        raise ValueError(
            f"params say hook = {hook!r}, but {path} says {foreign.hook or 'nothing'!r}; leave "
            "hook out, or confirm the place that the file names"
        )
    if foreign.hook and layer and not hook and not _same_place(foreign.hook, layer):
        raise ValueError(
            f"{path} was trained at {foreign.hook}, but the activations are of layer {layer}; "
            "choose its layer under [backbone], or, if that is this layer, write hook = "
            f"{foreign.hook!r} in the bank's params"
        )


def _same_place(hook: str, layer: str) -> bool:
    """Whether a hook of TransformerLens is surely this layer: what leaves block n is the output
    of the module called n, and what enters it that of the one before."""
    if hook == layer:
        return True
    found = re.fullmatch(r"blocks\.(\d+)\.hook_resid_(pre|post)", hook)
    if found is None:
        return False
    return layer.split(".")[-1] == str(int(found[1]) - (found[2] == "pre"))
