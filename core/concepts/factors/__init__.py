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
        nmf.fit,
        nmf.Bank,
        title="Non-negative matrix factorisation",
        about="Non-negative parts that add up to the activation.",
        code_unit="activation",
    ),
    "semi_nmf": Method(
        semi_nmf.fit,
        semi_nmf.Bank,
        title="Semi-non-negative matrix factorisation",
        about="Non-negative codes over directions of any sign.",
        code_unit="activation",
    ),
    "convex_nmf": Method(
        convex_nmf.fit,
        convex_nmf.Bank,
        title="Convex non-negative matrix factorisation",
        about="Concepts that are mixtures of tokens, with non-negative codes.",
        code_unit="activation",
    ),
    "craft": Method(
        craft.fit,
        craft.Bank,
        asks_model=True,
        title="CRAFT",
        about="Non-negative parts of crops, split again at an earlier layer.",
        code_unit="activation",
        follows_model=False,
    ),
    "hierarchical_semi_nmf": Method(
        hierarchical_semi_nmf.fit,
        hierarchical_semi_nmf.Bank,
        title="Hierarchical semi-non-negative matrix factorisation",
        about="A tree of concepts: what siblings share, and what sets each apart.",
        code_unit="activation",
    ),
    "pca": Method(
        pca.fit,
        pca.Bank,
        title="Principal component analysis",
        about="Orthogonal directions of greatest variance.",
        code_unit="activation",
    ),
    "kmeans": Method(
        kmeans.fit,
        kmeans.Bank,
        title="K-means clustering",
        about="Each token is its nearest centre.",
        code_unit="activation",
    ),
    "random": Method(
        random_directions.fit,
        random_directions.Bank,
        title="Random directions",
        about="A control: random directions that nothing was learned for.",
        code_unit="activation",
    ),
}
