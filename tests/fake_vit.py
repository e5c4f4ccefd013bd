"""Small stores of a vision transformer with one dictionary, through the real pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fakes

from core.recipe import BankSpec, DepthSpec, EffectSpec, HeadSpec, Recipe, TextSpec, parse
from precompute import pipeline

LAYER = "vit.layers.0"
LAST = "vit.layernorm"
"""after the last block, where the classifier reads the CLS token alone"""
EXPLAINED = 5
"""images whose logits are explained"""


def recipe(shapes: Path, model: Path, layer: str) -> Recipe:
    told = parse(fakes.recipe_text(shapes, model, name="vit"))
    sae = BankSpec(
        "sae", pool="mean", n_concepts=9, params={"top_k": 3, "n_steps": 60, "batch": 64}
    )
    return replace(
        told,
        backbone=replace(told.backbone, layer=layer, size=(32, 32)),
        banks=(sae,),
        heads=(),
        saliency=replace(told.saliency, methods=(), faithfulness=0),
        effects=EffectSpec(latents=2, images=5),
        depth=DepthSpec(),
        text=TextSpec(),
    )


def explained(shapes: Path, vit: Path, layer: str, out: Path) -> Path:
    """The path of a store that explains the backbone's own logits; several seconds."""
    made = recipe(shapes, vit, layer)
    return pipeline.run(replace(made, effects=EffectSpec(0, 0, EXPLAINED)), out=out)


def scored(shapes: Path, vit: Path, layer: str, out: Path) -> Path:
    """The path of a store with one bank for each place that scores are read from, `cls`, `mean` and
    `max`, and probes that are learned from CLS tokens; several seconds."""
    made = recipe(shapes, vit, layer)
    sae = made.banks[0]
    banks = tuple(replace(sae, name=pool, pool=pool) for pool in ("cls", "mean", "max"))
    probes = BankSpec("cav", name="probes", pool="cls")
    heads = [HeadSpec(bank.title, "sparse") for bank in banks]
    heads += [HeadSpec("cls", "backbone"), HeadSpec("max", "backbone")]
    saliency = replace(made.saliency, faithfulness=1)
    recipe_ = replace(made, banks=(*banks, probes), heads=tuple(heads), saliency=saliency)
    return pipeline.run(replace(recipe_, effects=EffectSpec(2, 5, 2)), out=out)
