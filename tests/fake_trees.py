"""A small store with every kind of tree, through the real pipeline."""

from __future__ import annotations

from pathlib import Path

import fakes

from core.recipe import parse
from precompute import pipeline

CRAFT, PER_CLASS, TREE, NESTED = range(4)
RECIPE = """
[[banks]]
method = "craft"
n_concepts = 3
params = { patch = 0.5, max_crops = 60, n_sub = 2, n_attributed = 2 }

[[banks]]
method = "craft"
name = "craft per class"
n_concepts = 2
params = { patch = 0.5, per_class = true, max_crops = 60, n_sub = 0, n_attributed = 0 }

[[banks]]
method = "hierarchical_semi_nmf"
n_concepts = 6
params = { levels = [2, 4] }

[[banks]]
method = "matryoshka_sae"
n_concepts = 8
params = { prefixes = [2, 4, 8], top_k = 2, n_steps = 60, batch = 64, revive_every = 20 }

[[banks]]
method = "craft"
name = "too many"
n_concepts = 4000

[[heads]]
bank = "craft"
kind = "backbone"
"""


def build(shapes: Path, model: Path, out: Path) -> Path:
    """The store's path; several seconds."""
    text = fakes.recipe_text(shapes, model, name="trees")
    head = text[: text.index("[[banks]]")]
    return pipeline.run(parse(head + RECIPE), out=out)
