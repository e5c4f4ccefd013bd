"""Does a recipe name what exists? Asked before any work is done."""

from __future__ import annotations

from collections.abc import Mapping

from core import saliency
from core.backbones import check_family
from core.recipe import Recipe
from data.datasets import check_corruptions
from precompute import heads
from precompute.banks import check_bank
from precompute.intake import check_parameters


def check_recipe(recipe: Recipe) -> None:
    """Raises ValueError for methods and parameters that do not exist, before any work is done."""
    check_corruptions(recipe.dataset.corruptions)
    check_family(recipe.backbone.family)
    for spec in recipe.banks:
        check_bank(spec)
    for head in recipe.heads:
        heads.check(head)
    for method in recipe.saliency.methods:
        if method != "default" and method not in saliency.METHODS:
            raise ValueError(
                f"unknown saliency method {method!r}; known: default, {', '.join(saliency.METHODS)}"
            )
    for method, params in recipe.saliency.params.items():
        if method not in recipe.saliency.methods:
            raise ValueError(f"saliency parameters for {method!r}, which is not among the methods")
        if not isinstance(params, Mapping):
            raise ValueError(f"saliency parameters for {method!r} must be a table, not {params!r}")
        check_parameters(
            params, saliency.METHODS[method].function, owner=f"saliency {method}", given=set()
        )
