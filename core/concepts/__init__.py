"""Concept banks. A method is one module with `fit` and a frozen `Bank`; adding one is a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from core.concepts import (
    archetypal_sae,
    batch_topk_sae,
    cav,
    convex_nmf,
    gated_sae,
    hierarchical_semi_nmf,
    jumprelu_sae,
    kmeans,
    l1_sae,
    matryoshka_sae,
    nmf,
    pca,
    random_directions,
    sae,
    semi_nmf,
    vq,
)
from core.types import ConceptBank

__all__ = ["METHODS", "Method", "restore"]


@dataclass(frozen=True)
class Method:
    fit: Callable[..., ConceptBank]
    bank: Callable[..., ConceptBank]
    """rebuilds a bank from its tensors"""
    code_unit: str
    about: str
    pool: str = "mean"
    """how an image's codes become its score: "mean" or "max" over tokens"""


METHODS: dict[str, Method] = {
    "nmf": Method(
        nmf.fit, nmf.Bank, "activation", "non-negative parts that add up to the activation"
    ),
    "sae": Method(
        sae.fit, sae.Bank, "activation", "sparse latents of which a few rebuild each token"
    ),
    "cav": Method(
        cav.fit, cav.Bank, "distance to the separator", "one linear probe per labelled concept"
    ),
    "semi_nmf": Method(
        semi_nmf.fit, semi_nmf.Bank, "activation", "non-negative codes over free directions"
    ),
    "convex_nmf": Method(
        convex_nmf.fit, convex_nmf.Bank, "activation", "concepts that are mixtures of tokens"
    ),
    "hierarchical_semi_nmf": Method(
        hierarchical_semi_nmf.fit,
        hierarchical_semi_nmf.Bank,
        "activation",
        "a tree of concepts: what siblings share, and what sets each apart",
    ),
    "pca": Method(pca.fit, pca.Bank, "activation", "orthogonal directions of greatest variance"),
    "kmeans": Method(kmeans.fit, kmeans.Bank, "activation", "each token is its nearest centre"),
    "vq": Method(vq.fit, vq.Bank, "activation", "each token is a sum of on-or-off codes"),
    "random": Method(
        random_directions.fit,
        random_directions.Bank,
        "activation",
        "control: random directions that nothing was learned for",
    ),
    "l1_sae": Method(l1_sae.fit, l1_sae.Bank, "activation", "sparse latents by an L1 penalty"),
    "batch_topk_sae": Method(
        batch_topk_sae.fit,
        batch_topk_sae.Bank,
        "activation",
        "sparse latents, more of them where a token is rich",
    ),
    "jumprelu_sae": Method(
        jumprelu_sae.fit,
        jumprelu_sae.Bank,
        "activation",
        "sparse latents, each with a threshold of its own",
    ),
    "gated_sae": Method(
        gated_sae.fit,
        gated_sae.Bank,
        "activation",
        "sparse latents that decide apart whether and how much",
    ),
    "matryoshka_sae": Method(
        matryoshka_sae.fit,
        matryoshka_sae.Bank,
        "activation",
        "sparse latents nested from general to particular",
    ),
    "archetypal_sae": Method(
        archetypal_sae.fit,
        archetypal_sae.Bank,
        "activation",
        "sparse latents that are mixtures of real tokens",
    ),
}


def restore(method: str, tensors: dict[str, Tensor]) -> ConceptBank:
    """A stored bank, ready to encode. Raises ValueError for a method this program lacks."""
    if method not in METHODS:
        raise ValueError(f"unknown concept method {method!r}; known: {', '.join(METHODS)}")
    return METHODS[method].bank(**tensors)
