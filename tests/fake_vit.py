"""Small stores of a vision transformer with one dictionary, through the real pipeline."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import fakes

from core.recipe import BankSpec, DepthSpec, EffectSpec, Recipe, TextSpec, parse
from precompute import pipeline

LAYER = "vit.layers.0"
LAST = "vit.layernorm"
"""after the last block, where the classifier reads the CLS token alone"""
EXPLAINED = 5
"""images whose logits are explained"""


def recipe(shapes: Path, model: Path, layer: str) -> Recipe:
    told = parse(fakes.recipe_text(shapes, model, name="vit"))
    sae = BankSpec("sae", n_concepts=9, params={"top_k": 3, "n_steps": 60, "batch": 64})
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
