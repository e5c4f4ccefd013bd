"""Files of sparse autoencoders trained elsewhere, read into one shape."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

RULES = ("relu", "topk", "threshold", "jumprelu", "gated")
"""what makes a pre-activation a code: its positive part; the largest few; all above one number;
all above a number each; a gate of its own"""
_BARE = {"encoder": "W_enc", "encoder_bias": "b_enc", "decoder": "W_dec", "decoder_bias": "b_dec"}
_SAELENS_RULES = {
    "standard": "relu", "relu": "relu", "topk": "topk", "jumprelu": "jumprelu", "gated": "gated",
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder: Float[Tensor, "k d"]
    decoder_bias: Float[Tensor, " d"]
    rule: str
    limit: Float[Tensor, " k"]
    centred: bool
    layer: str
    magnitude: Float[Tensor, " k"]
    magnitude_bias: Float[Tensor, " k"]


@dataclass(frozen=True)
class _Plan:
    """Which tensor is which, and the rule."""

    keys: Mapping[str, str]
    rule: str
    centred: bool
    top_k: int = 0
    threshold: str | float = 0.0
    layer: str = ""
    by_norm: bool = False
    """codes are measured by what they add, so the decoder's norms belong to the encoder"""


def read(path: Path, *, rule: str, top_k: int) -> Found:
    """Raises ValueError naming the file and what is wrong with it."""
    file, facts = _files(path)
    try:
        tensors = {name: t.float() for name, t in load_file(file).items()}
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} is no safetensors file: {error}") from error
    plan = _plan(facts, file, rule=rule, top_k=top_k)
    missing = [key for key in plan.keys.values() if key not in tensors]
    if missing:
        raise ValueError(
            f"{file} lacks {', '.join(missing)}; it has {', '.join(sorted(tensors)) or 'nothing'}. "
            "Its names can be told in a sae.json beside it, see the README"
        )
    return _shaped(tensors, plan, file)


def _files(path: Path) -> tuple[Path, dict[str, Any]]:
    if path.is_dir():
        found = sorted(path.glob("*.safetensors"))
        found = [f for f in found if f.stem != "sparsity"]  # SAELens keeps statistics beside
        if len(found) != 1:
            names = ", ".join(f.name for f in found) or "none"
            raise ValueError(f"{path} must hold one .safetensors file with weights; it has {names}")
        path = found[0]
    if not path.is_file():
        raise ValueError(f"{path} does not exist; name a .safetensors file or its folder")
    for name in ("sae.json", "cfg.json"):
        beside = path.with_name(name)
        if beside.is_file():
            try:
                facts = json.loads(beside.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ValueError(f"{beside} is not valid JSON: {error}") from error
            if not isinstance(facts, dict):
                raise ValueError(f"{beside} must hold one JSON object")
            return path, {**facts, "_": name}
    return path, {}


def _plan(facts: dict[str, Any], file: Path, *, rule: str, top_k: int) -> _Plan:
    if facts.get("_") == "cfg.json":
        return _of_saelens(facts, file)
    own = facts.get("_") == "sae.json"
    rule = rule or str(facts.get("rule", "relu"))
    known = RULES[:4]
    if rule not in known:
        raise ValueError(f"{file}: unknown rule {rule!r}; known: {', '.join(known)}")
    lacking = [name for name in _BARE if own and name not in facts]
    if lacking:
        raise ValueError(f"{file.with_name('sae.json')} lacks {', '.join(lacking)}")
    keys = {name: str(facts[name]) if own else key for name, key in _BARE.items()}
    threshold = facts.get("threshold", 0.0)
    if rule == "jumprelu" and not isinstance(threshold, str):
        threshold = "threshold"
    if rule == "jumprelu":
        keys["threshold"] = threshold
    return _Plan(
        keys,
        rule,
        centred=bool(facts.get("centred", False)),
        top_k=top_k or int(facts.get("top_k", 0)),
        threshold=threshold,
        layer=str(facts.get("layer", "")),
    )


def _of_saelens(facts: dict[str, Any], file: Path) -> _Plan:
    architecture = str(facts.get("architecture", "standard"))
    activation = facts.get("activation_fn_str", facts.get("activation_fn"))
    if architecture == "standard" and activation:
        architecture = str(activation)
    if architecture not in _SAELENS_RULES:
        raise ValueError(
            f"{file}: SAELens architecture {architecture!r} is not read; "
            f"known: {', '.join(_SAELENS_RULES)}"
        )
    rescaled = facts.get("normalize_activations", "none")
    if rescaled not in ("none", None):
        raise ValueError(
            f"{file} was trained on activations rescaled by {rescaled!r}; fold that scale into its "
            "weights (SAELens: fold_activation_norm_scaling_factor) and save it again"
        )
    rule = _SAELENS_RULES[architecture]
    keys = dict(_BARE)
    if rule == "gated":
        keys |= {"encoder_bias": "b_gate", "magnitude": "r_mag", "magnitude_bias": "b_mag"}
    if rule == "jumprelu":
        keys["threshold"] = "threshold"
    k = facts.get("k", (facts.get("activation_fn_kwargs") or {}).get("k", 0))
    return _Plan(
        keys,
        rule,
        centred=bool(facts.get("apply_b_dec_to_input", True)),
        top_k=int(k),
        by_norm=bool(facts.get("rescale_acts_by_decoder_norm", False)),
    )


def _shaped(tensors: dict[str, Tensor], plan: _Plan, file: Path) -> Found:
    part = {name: tensors[key] for name, key in plan.keys.items()}
    for name, tensor in part.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{file}: {plan.keys[name]} has values that are not finite")
    k, d = part["encoder_bias"].numel(), part["decoder_bias"].numel()
    expected = {"encoder": (d, k), "decoder": (k, d), "encoder_bias": (k,), "decoder_bias": (d,)}
    for name, tensor in part.items():
        shape = expected.get(name, (k,))
        if tuple(tensor.shape) not in (shape, shape[::-1]):
            raise ValueError(
                f"{file}: {plan.keys[name]} has shape {tuple(tensor.shape)}, but with "
                f"{plan.keys['encoder_bias']} for {k} latents and {plan.keys['decoder_bias']} for "
                f"width {d} it must be {shape}"
            )
    # k = d leaves the orientation to the convention: encoder d k, decoder k d
    encoder = part["encoder"].T if tuple(part["encoder"].shape) == (d, k) else part["encoder"]
    decoder = part["decoder"] if tuple(part["decoder"].shape) == (k, d) else part["decoder"].T
    encoder_bias = part["encoder_bias"]
    if plan.by_norm:
        norm = decoder.norm(dim=1).clamp_min(1e-12)
        encoder, encoder_bias = encoder * norm[:, None], encoder_bias * norm
        decoder = decoder / norm[:, None]
    return Found(
        encoder.contiguous(),
        encoder_bias,
        decoder.contiguous(),
        part["decoder_bias"],
        plan.rule,
        _limit(part, plan, file, k=k),
        plan.centred,
        plan.layer,
        part["magnitude"].exp() if "magnitude" in part else torch.ones(k),
        part.get("magnitude_bias", torch.zeros(k)),
    )


def _limit(part: dict[str, Tensor], plan: _Plan, file: Path, *, k: int) -> Float[Tensor, " k"]:
    if plan.rule == "topk":
        if not 0 < plan.top_k <= k:
            raise ValueError(
                f"{file}: rule 'topk' needs top_k between 1 and its {k} latents, not {plan.top_k}"
            )
        return torch.full((k,), float(plan.top_k))
    if plan.rule == "jumprelu":
        return part["threshold"].reshape(-1)
    if plan.rule == "threshold":
        try:
            return torch.full((k,), max(0.0, float(plan.threshold)))
        except ValueError as error:
            raise ValueError(
                f"{file}: threshold must be a number, not {plan.threshold!r}"
            ) from error
    return torch.zeros(k)
