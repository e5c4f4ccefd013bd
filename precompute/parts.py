"""What a build consists of, for whoever watches it, and how long each part takes."""

from __future__ import annotations

from core.recipe import Recipe

IMAGES, MODEL, TABLES, SALIENCY, PUBLISH = (
    "images",
    "activations",
    "predictions and depth",
    "saliency",
    "publishing",
)
_SECONDS = {"cav": 8.0, "nmf": 12.0, "sae": 18.0, "random": 7.0}
"""of banks in the demo, on two cores; what counts is how they stand to one another"""
_OTHER = 15.0
"""of a bank by another method"""


def of_bank(title: str) -> str:
    """The part that a bank is."""
    return f"bank {title}"


def parts_of(recipe: Recipe) -> dict[str, float]:
    """The parts of a build in order, each with the seconds it takes in the demo."""
    banks = {of_bank(spec.title): _SECONDS.get(spec.method, _OTHER) for spec in recipe.banks}
    return {
        IMAGES: 12.0,
        MODEL: 5.0,
        TABLES: 1.5,
        **banks,
        SALIENCY: 1.2 * len(recipe.saliency.methods),
        PUBLISH: 4.5,
    }
