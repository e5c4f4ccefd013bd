"""What a recipe leaves open, chosen to fit the images and the model: banks, heads, saliency."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from torch import Tensor

from core.backbones import Reads, ReadsCls
from core.concepts import METHODS, numerical_rank
from core.kinds import Pool
from core.recipe import BankSpec, HeadSpec, Recipe
from core.types import Backbone, Labels
from precompute.banks import pool_of, readout_of

SAMPLE = 50_000
"""tokens whose signs and rank are looked at: as many as factorisations are fitted on"""
EACH = 20
"""tokens for each concept, at least"""
FACTORS, LATENTS, DIRECTIONS = 32, 4096, 64
"""concepts of a factorisation, of an autoencoder and of the random directions, at most"""
MIN_EACH = 5
"""train images with and without a labelled concept that a probe needs"""
MARK = "# Not named above, so chosen to fit these images and this model:"
SALIENCY = "grad_cam"


def complete(
    recipe: Recipe,
    backbone: Backbone,
    draw: Callable[[], Float[Tensor, "n d"]],
    *,
    n_tokens: int,
    n_classes: int,
    labels: Labels | None,
) -> Recipe:
    """The recipe with default saliency replaced, with what scores are read from, and with banks and
    heads where it names no bank.

    draw: train tokens, at most `SAMPLE`, asked for only where no bank is named; n_tokens: all of
    them; n_classes: labelled classes among the train images.
    """
    methods = recipe.saliency.methods
    if "default" in methods:
        chosen = (SALIENCY,) if backbone.outputs else ()
        others = tuple(m for m in methods if m not in ("default", *chosen))
        recipe = replace(recipe, saliency=replace(recipe.saliency, methods=chosen + others))
    if recipe.banks:
        return replace(recipe, banks=_scored(recipe.banks, backbone))
    banks = default_banks(draw(), n_tokens=n_tokens, labelled=_learnable(labels))
    banks = _scored(banks, backbone)
    exact = bool(backbone.outputs) and readout_of(backbone, pool_of(banks[0])) is not None
    heads = [
        HeadSpec(bank.title, kind)
        for bank in banks
        for kind, fits in (
            ("sparse", n_classes > 1),
            ("backbone", exact and bank.method not in ("cav", "random")),
        )
        if fits
    ]
    return replace(recipe, banks=banks, heads=tuple(heads))


def default_banks(
    sample: Float[Tensor, "n d"], *, n_tokens: int, labelled: bool
) -> tuple[BankSpec, ...]:
    """A factorisation, an autoencoder, random directions and, with labelled concepts, probes.

    Signs decide between NMF and Semi-NMF. Sizes grow with the width d and are bounded by the tokens
    that there are to learn from and, of a factorisation, by their rank: a factorisation has d / 4
    concepts, an autoencoder the power of two at or below 4 d.
    """
    d = sample.shape[1]
    bears = max(1, n_tokens // EACH)
    n_factors = max(1, numerical_rank(sample, most=min(FACTORS, max(2, d // 4), max(2, bears))))
    n_latents = min(LATENTS, 2 ** int(np.log2(4 * d)), max(8, bears), n_tokens)
    n_random = min(DIRECTIONS, n_latents)
    factors = "semi_nmf" if (sample < 0).any() else "nmf"
    banks = [
        BankSpec(factors, n_concepts=n_factors),
        BankSpec("sae", n_concepts=n_latents, params={"top_k": _top_k(n_latents)}),
        BankSpec("random", n_concepts=n_random, params={"top_k": _top_k(n_random)}),
    ]
    return tuple([*banks, BankSpec("cav")] if labelled else banks)


def written(recipe: Recipe, text: str, *, given: Recipe) -> str:
    """The recipe's text, and below it what `complete` added to `given`."""
    if given.banks or not recipe.banks:
        return text
    lines = [text.rstrip(), "", MARK]
    for bank in recipe.banks:
        lines += ["[[banks]]", f'method = "{bank.method}"', f"n_concepts = {bank.n_concepts}"]
        if bank.pool:
            lines.append(f"pool = {json.dumps(bank.pool)}")
        if bank.params:
            pairs = ", ".join(f"{key} = {json.dumps(v)}" for key, v in bank.params.items())
            lines.append(f"params = {{ {pairs} }}")
        lines.append("")
    for head in recipe.heads:
        lines += ["[[heads]]", f'bank = "{head.bank}"', f'kind = "{head.kind}"', ""]
    return "\n".join(lines)


def _scored(banks: tuple[BankSpec, ...], backbone: Backbone) -> tuple[BankSpec, ...]:
    """Each with what its scores are read from, where that is not the method's own."""
    reads = backbone.reads() if isinstance(backbone, ReadsCls) else None
    out = []
    for bank in banks:
        pool = bank.pool or default_pool(bank.method, reads)
        own = not bank.pool and pool == METHODS[bank.method].pool
        out.append(bank if own else replace(bank, pool=pool))
    return tuple(out)


def default_pool(method: str, reads: Reads | None) -> Pool:
    """The CLS token where that is what the model reads in the end, and concepts are learned from
    it; else the method's own. docs/scores.md says what that was measured on."""
    own = METHODS[method]
    can = own.follows_model and "cls" in own.pools
    return "cls" if can and reads is not None and reads.alone else own.pool


def _top_k(n_concepts: int) -> int:
    """Codes a token: one in 32, between 4 and 32, and no more than a quarter of the bank."""
    return max(1, min(max(4, n_concepts // 32), 32, n_concepts // 4))


def _learnable(labels: Labels | None) -> bool:
    """Whether some labelled concept is both present and absent in enough train images."""
    if labels is None:
        return False
    least = np.minimum((labels.train == 1).sum(0), (labels.train == 0).sum(0))
    return bool((least >= MIN_EACH).any())
