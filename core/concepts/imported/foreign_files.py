"""Files of sparse autoencoders trained elsewhere, read into one shape."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from core.concepts.imported.named_layout import (
    Asked,
    Plan,
    of_bare,
    of_own,
    of_saelens,
    refuse_other_rules,
)


@dataclass(frozen=True)
class Foreign:
    encoder: Float[Tensor, "k d"]
    encoder_bias: Float[Tensor, " k"]
    decoder: Float[Tensor, "k d"]
    decoder_bias: Float[Tensor, " d"]
    rule: str
    limit: Float[Tensor, " k"]
    centred: bool
    layer: str
    """where it was trained, in this program's words; "": the file does not say"""
    hook: str
    """where it was trained, in SAELens' words"""
    magnitude: Float[Tensor, " k"]
    magnitude_bias: Float[Tensor, " k"]


def read(path: Path, asked: Asked) -> Foreign:
    """Raises ValueError naming the file and what is wrong with it."""
    file = _weights(path)
    plan = _plan(file, asked)
    try:
        tensors = {name: t.float() for name, t in load_file(file).items()}
        with safe_open(file, "pt") as opened:
            notes = dict(opened.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{file} is no safetensors file: {error}") from error
    refuse_other_rules(plan, {name: t.numel() for name, t in tensors.items()}, notes, file)
    missing = [key for key in plan.keys.values() if key not in tensors]
    if missing:
        raise ValueError(
            f"{file} lacks {', '.join(missing)}; it has {', '.join(sorted(tensors)) or 'nothing'}. "
            "Its names can be told in a sae.json beside it, see the README"
        )
    return _shaped(tensors, plan, file)


def _weights(path: Path) -> Path:
    if path.is_dir():
        files = sorted(path.glob("*.safetensors"))
        files = [f for f in files if f.stem != "sparsity"]  # SAELens keeps statistics beside
        if len(files) != 1:
            names = ", ".join(f.name for f in files) or "none"
            raise ValueError(f"{path} must hold one .safetensors file with weights; it has {names}")
        path = files[0]
    if not path.is_file():
        raise ValueError(f"{path} does not exist; name a .safetensors file or its folder")
    return path


def _plan(file: Path, asked: Asked) -> Plan:
    for name, form in (("sae.json", of_own), ("cfg.json", of_saelens)):
        beside = file.with_name(name)
        if beside.is_file():
            try:
                facts = json.loads(beside.read_text(encoding="utf-8"))
            except ValueError as error:
                raise ValueError(f"{beside} is not valid JSON: {error}") from error
            if not isinstance(facts, dict):
                raise ValueError(f"{beside} must hold one JSON object")
            return form(facts, beside, asked)
    return of_bare(file, asked)


def _shaped(tensors: dict[str, Tensor], plan: Plan, file: Path) -> Foreign:
    part = {name: tensors[key] for name, key in plan.keys.items()}
    for name, tensor in part.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{file}: {plan.keys[name]} has values that are not finite")
    k, d = part["encoder_bias"].numel(), part["decoder_bias"].numel()
    if plan.width not in (0, d) or plan.n_latents not in (0, k):
        raise ValueError(
            f"{file} holds {k} latents for activations of width {d}, but its cfg.json says d_sae = "
            f"{plan.n_latents or 'nothing'} and d_in = {plan.width or 'nothing'}; they are not of "
            "one autoencoder"
        )
    expected = {"encoder": (d, k), "decoder": (k, d), "encoder_bias": (k,), "decoder_bias": (d,)}
    if plan.rule == "threshold":
        expected["threshold"] = (1,)
    for name, tensor in part.items():
        shape = expected.get(name, (k,))
        single = shape == (1,) and tensor.numel() == 1
        if tuple(tensor.shape) not in (shape, shape[::-1]) and not single:
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
    return Foreign(
        encoder.contiguous(),
        encoder_bias,
        decoder.contiguous(),
        part["decoder_bias"],
        plan.rule,
        _limit(part, plan, file, k=k),
        plan.centred,
        plan.layer,
        plan.hook,
        part["magnitude"].exp() if "magnitude" in part else torch.ones(k),
        part.get("magnitude_bias", torch.zeros(k)),
    )


def _limit(part: dict[str, Tensor], plan: Plan, file: Path, *, k: int) -> Float[Tensor, " k"]:
    if plan.rule == "topk":
        if not 0 < plan.top_k <= k:
            raise ValueError(
                f"{file}: rule 'topk' needs top_k between 1 and its {k} latents, not {plan.top_k}"
            )
        return torch.full((k,), float(plan.top_k))
    if plan.rule == "jumprelu":
        return part["threshold"].reshape(-1)
    if plan.rule == "threshold":
        given = float(part["threshold"]) if "threshold" in part else plan.threshold
        return torch.full((k,), max(0.0, given))
    return torch.zeros(k)
