"""Concept banks. A method is one module with `fit` and a frozen `Bank`; adding one is a line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from core.concepts import (
    archetypal_sae,
    batch_topk_sae,
    cav,
    cbm,
    convex_nmf,
    craft,
    csr,
    energy,
    gated_sae,
    hierarchical_semi_nmf,
    imported_cbm,
    imported_sae,
    jumprelu_sae,
    kmeans,
    l1_sae,
    label_free,
    matryoshka_sae,
    nmf,
    pca,
    random_directions,
    sae,
    semi_nmf,
    sl_cbm,
    sparse_cbm,
    text,
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
    image_wise: bool = False
    """a token's codes depend on the other tokens of its image, so `encode` takes whole images"""


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
    "craft": Method(
        craft.fit,
        craft.Bank,
        "activation",
        "non-negative parts of crops, split again at an earlier layer",
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
    "text": Method(
        text.fit, text.Bank, "activation", "words of a vocabulary of which a few rebuild each token"
    ),
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
    "cbm": Method(
        cbm.fit,
        cbm.Bank,
        "logit",
        "concept bottleneck: a layer for labelled concepts and its own read-out of classes",
    ),
    "label_free": Method(
        label_free.fit,
        label_free.Bank,
        "standard deviation",
        "a layer that agrees with what a model of images and texts says about words",
    ),
    "sparse_cbm": Method(
        sparse_cbm.fit,
        sparse_cbm.Bank,
        "mixed standard deviations",
        "few mixed words, learned together with a read-out of classes",
    ),
    "sl_cbm": Method(
        sl_cbm.fit,
        sl_cbm.Bank,
        "logit",
        "concept maps pooled by attention, learned together with a read-out of classes",
        image_wise=True,
    ),
    "csr": Method(
        csr.fit,
        csr.Bank,
        "cosine",
        "likeness to the prototypes of a labelled concept, where it is largest",
        pool="max",
    ),
    "energy": Method(
        energy.fit,
        energy.Bank,
        "log odds",
        "energies of concepts and classes, so that edited concepts carry others along",
    ),
    "imported_cbm": Method(
        imported_cbm.fit,
        imported_cbm.Bank,
        "standard deviation",
        "the concept layer of a bottleneck that was trained elsewhere",
    ),
    "imported_sae": Method(
        imported_sae.fit,
        imported_sae.Bank,
        "activation",
        "latents of an autoencoder that was trained elsewhere",
    ),
}


def restore(method: str, tensors: dict[str, Tensor]) -> ConceptBank:
    """A stored bank, ready to encode. Raises ValueError for a method this program lacks."""
    if method not in METHODS:
        raise ValueError(f"unknown concept method {method!r}; known: {', '.join(METHODS)}")
    return METHODS[method].bank(**tensors)
