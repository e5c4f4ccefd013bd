"""Factorisations of activations, and the directions that nothing was learned for."""

from __future__ import annotations

from core.concepts.common.method import Method
from core.concepts.factors import (
    convex_nmf,
    craft,
    hierarchical_semi_nmf,
    kmeans,
    nmf,
    pca,
    random_directions,
    semi_nmf,
)

__all__ = ["METHODS"]

METHODS: dict[str, Method] = {
    "nmf": Method(
        nmf.fit, nmf.Bank, "activation", "non-negative parts that add up to the activation"
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
    "random": Method(
        random_directions.fit,
        random_directions.Bank,
        "activation",
        "control: random directions that nothing was learned for",
    ),
}
