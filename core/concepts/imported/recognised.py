"""Which program wrote a file of weights, told by what is in it; and the file read as that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.imported import dictionaries, layouts
from core.concepts.imported.foreign import ALONE, Asked, Foreign
from core.concepts.imported.named_layout import (
    Plan,
    of_bare,
    of_own,
    of_saelens,
    refuse_other_rules,
)
from core.concepts.imported.opening import Opened, opened
from core.concepts.imported.promise import promised


class Format(NamedTuple):
    applies: Callable[[Opened], bool]
    read: Callable[[Opened, Asked], Foreign]


def read(path: Path, asked: Asked) -> Foreign:
    """Raises ValueError naming the file and what is wrong with it."""
    file = opened(path)
    found = next(form for form in FORMATS if form.applies(file))
    foreign = found.read(file, asked)
    parts = (foreign.encoder, foreign.encoder_bias, foreign.decoder, foreign.decoder_bias)
    if not all(torch.isfinite(part).all() for part in parts):
        raise ValueError(f"{file.file} has values that are not finite")
    return foreign


def _own(file: Opened, asked: Asked) -> Foreign:
    assert file.beside is not None
    return _named(file, of_own(file.facts, file.beside, asked))


def _saelens(file: Opened, asked: Asked) -> Foreign:
    assert file.beside is not None
    if file.facts.get("architecture") == ALONE:
        rule = asked.rule or str(file.facts.get("codes", ""))
        return dictionaries.alone(file, replace(asked, rule=rule))
    plan = of_saelens(file.facts, file.beside, asked, has=file.tensors, format="SAELens")
    return _named(file, plan)


def _prisma(file: Opened, asked: Asked) -> Foreign:
    """Its settings have SAELens' names; the decoder's bias is always subtracted first."""
    facts = {**file.header, **file.facts, "apply_b_dec_to_input": True}
    where = file.beside or file.file
    if facts.get("is_transcoder"):
        raise ValueError(
            f"{where} is a transcoder, which predicts another layer's activations; a bank rebuilds "
            "those of its own"
        )
    if not facts.get("hook_point") and "hook_point_layer" in facts:
        place = facts.get("layer_subtype", "hook_resid_post")
        facts["hook_point"] = f"blocks.{facts['hook_point_layer']}.{place}"
    # a gated autoencoder of Prisma keeps an encoder's bias that it does not use
    return _named(file, of_saelens(facts, where, asked, has=file.tensors, format="Prisma"))


def _bare(file: Opened, asked: Asked) -> Foreign:
    return _named(file, of_bare(file.file, asked))


def _named(file: Opened, plan: Plan) -> Foreign:
    sizes = {name: t.numel() for name, t in file.tensors.items()}
    refuse_other_rules(plan, sizes, file.notes, file.file)
    missing = [key for key in plan.keys.values() if key not in file.tensors]
    if missing:
        has = ", ".join(sorted(file.tensors)) or "nothing"
        raise ValueError(
            f"{file.file} lacks {', '.join(missing)}; it has {has}. Its names can be told in a "
            "sae.json beside it, see docs/import.md"
        )
    return _shaped(file, plan)


def _shaped(opened_file: Opened, plan: Plan) -> Foreign:
    tensors, file = opened_file.tensors, opened_file.file
    part = {name: tensors[key] for name, key in plan.keys.items()}
    for name, tensor in part.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{file}: {plan.keys[name]} has values that are not finite")
    k, d = part["encoder_bias"].numel(), part["decoder_bias"].numel()
    if plan.width not in (0, d) or plan.n_latents not in (0, k):
        raise ValueError(
            f"{file} holds {k} latents for activations of width {d}, but its settings say d_sae = "
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
    if plan.factor:
        decoder = decoder * tensors[plan.factor].reshape(-1, 1)
    return Foreign(
        plan.format,
        encoder.contiguous(),
        encoder_bias,
        decoder.contiguous(),
        part["decoder_bias"],
        plan.rule,
        _limit(part, plan, file, k=k),
        plan.centred,
        plan.layer,
        plan.hook,
        part["magnitude"].exp() if "magnitude" in part else None,
        part.get("magnitude_bias"),
        squashed=plan.squashed,
        norm=plan.norm,
        scale=plan.scale,
        promise=promised(opened_file, plan.kept or plan.top_k or None),
    )


def _limit(
    part: dict[str, Tensor], plan: Plan, file: Path, *, k: int
) -> Float[Tensor, " k"] | None:
    if plan.rule in ("topk", "topk_absolute"):
        if not 0 < plan.top_k <= k:
            raise ValueError(
                f"{file}: rule {plan.rule!r} needs top_k between 1 and its {k} latents, not "
                f"{plan.top_k}"
            )
        return torch.full((k,), float(plan.top_k))
    if plan.rule == "jumprelu":
        return part["threshold"].reshape(-1)
    if plan.rule == "threshold":
        given = float(part["threshold"]) if "threshold" in part else plan.threshold
        return torch.full((k,), max(0.0, given))
    return None


def _is_prisma(file: Opened) -> bool:
    facts = {**file.header, **file.facts}
    return "W_enc" in file.tensors and {"hook_point_layer", "hook_point"} & set(facts) != set()


FORMATS = (
    Format(lambda f: f.beside is not None and f.beside.name == "sae.json", _own),
    Format(lambda f: f.beside is not None and f.beside.name == "cfg.json", _saelens),
    Format(_is_prisma, _prisma),
    *(Format(*form) for form in layouts.FORMATS),
    Format(dictionaries.is_tied, dictionaries.tied),
    Format(dictionaries.is_alone, dictionaries.alone),
    Format(lambda _: True, _bare),
)
"""the first that applies; the last reads the names that most people use"""
