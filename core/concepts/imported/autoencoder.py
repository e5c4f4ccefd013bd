"""A sparse autoencoder or a dictionary that was trained elsewhere, whatever program wrote its file.

Told apart by what is in the file and the JSON beside it:

* SAELens: `cfg.json` with `architecture` "standard", "gated", "jumprelu", "topk", "abstopk",
  "batchtopk" or "matryoshka_batchtopk", and `normalize_activations` of "none", "layer_norm",
  "constant_norm_rescale" or "expected_average_only_in".
* Prisma: `config.json`, or settings within the checkpoint, with `hook_point_layer`.
* saev: a line of JSON before the tensors.
* dictionary_learning: ae.pt and `config.json` with `dict_class`.
* overcomplete: a state of its modules, with dictionary._weights.
* ViSAEBench: `encoder.weight`, `decoder.weight` and `config.json` with `activation`.
* sparse_autoencoder, as DN-CBM uses it: `tied_bias`; names and a read-out may lie beside it.
* no JSON and `W_enc` (d k), `b_enc` (k), `W_dec` (k d), `b_dec` (d); rule "relu" unless the recipe
  says another, and for "threshold" a `threshold` of one number.
* one matrix alone: directions without an encoder.
* `sae.json`, one's own names: {"encoder": key, "encoder_bias": key, "decoder": key,
  "decoder_bias": key, "rule": "relu" | "topk" | "threshold" | "jumprelu" | "gated", "top_k":
  number, "threshold": key or number, "magnitude": key (its logarithm) and "magnitude_bias": key for
  "gated", "centred": true when decoder_bias is subtracted first, "layer": name}.

A matrix under a name of one's own or of most people may lie either way round; its shape says which.
What contradicts itself is refused, and so is a file that holds what only another rule uses, until
the recipe names the rule.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import torch

from core.concepts.imported.bank import Bank, of
from core.concepts.imported.foreign import ESTIMATED, RULES, Asked, Foreign
from core.concepts.imported.recognised import read
from core.types import FitData

__all__ = ["Bank", "fit"]

_SEEN = 50_000
"""tokens that estimate a scale, or tell whether codes are ever negative"""


def fit(
    data: FitData,
    *,
    n_concepts: int = 0,
    seed: int = 0,
    path: str = "",
    rule: str = "",
    top_k: int = 0,
    hook: str = "",
    scale: float = 0.0,
) -> Bank:
    """Nothing is fitted: the autoencoder at `path` (a file or its folder) is taken over.

    `rule` and `top_k` say what a file cannot; `hook` confirms that the place which its settings
    name is this layer. `scale` multiplies every token where the settings say
    "expected_average_only_in" without a number; 0: as activation_scaler.json beside it says, else
    sqrt(d) over the mean norm of the train tokens. `n_concepts` other than 0 must be the number of
    its latents. Raises ValueError naming the file for a file that is missing, is a pickle or is no
    autoencoder, a rule that is unknown or that the file contradicts, shapes that contradict each
    other, another width than the activations', another layer, and weights that are not finite.
    """
    if not path:
        raise ValueError(
            'an imported autoencoder needs params = { path = "FILE.safetensors or its folder" }'
        )
    foreign = read(Path(path).expanduser(), Asked(rule, top_k, scale))
    _fits(foreign, data, path, n_concepts=n_concepts)
    _at_its_place(foreign, data.layer, path, hook=hook)
    foreign = _scaled(foreign, data, seed=seed)
    bank = of(foreign)
    if foreign.rule == "topk_signed" and not _negative(bank, data, seed=seed):
        bank = replace(bank, rule=torch.tensor(RULES.index("topk")))
    data.progress(f"{len(bank.strength)} latents of {foreign.format}, rule {foreign.rule}")
    return bank


def _scaled(foreign: Foreign, data: FitData, *, seed: int) -> Foreign:
    """Its factor for all tokens folded into the weights, as SAELens folds it."""
    s = foreign.scale
    if s == ESTIMATED:
        x = data.tokens.sample(_SEEN, seed=seed)
        s = x.shape[1] ** 0.5 / float(x.norm(dim=1).mean().clamp_min(1e-12))
    if s == 1.0:
        return foreign
    return replace(
        foreign,
        encoder=foreign.encoder * s,
        decoder=foreign.decoder / s,
        decoder_bias=foreign.decoder_bias / s,
    )


def _negative(bank: Bank, data: FitData, *, seed: int) -> bool:
    """Whether codes of the train tokens are ever below zero; with many latents they are not."""
    parts = data.tokens.sample(_SEEN // 10, seed=seed).split(512)
    return any(bool((bank.encode(part) < 0).any()) for part in parts)


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
