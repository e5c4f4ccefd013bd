"""Taking a concept out of an image's vector beside texts, or putting it in, and what that changes.

Concept ablation and insertion in the shared space (SpLiCE, arXiv 2402.10376, section 5; SCoCCA,
arXiv 2603.13884, section 5). A concept is a word's direction once the gap between images and texts
is removed, so vectors are edited about the images' mean and brought back to length 1, where the
model compares them with texts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer


@dataclass(frozen=True)
class Effect:
    """Means over `n` images; cosines lie in -1..1."""

    own: float
    """change of the cosine between the centred image and the edited concept"""
    others: float
    """mean |change| of the same for every other concept"""
    own_text: float
    """change of the cosine with the concept's text as the model has it, gap and all"""
    others_text: float
    rank: float
    """mean number of places that the classes' texts move in an image's ranking"""
    top_changes: float
    """share of images whose first class is another one afterwards, 0..1"""
    n: int


def directions(words: Float[np.ndarray, "k e"]) -> Float[np.ndarray, "k e"]:
    """Of concepts: their texts minus the mean text, length 1.

    Raises ValueError for a word that is no different from the mean, which has no direction.
    """
    centred = words - words.mean(0, dtype=np.float64)
    size = np.linalg.norm(centred, axis=1, keepdims=True)
    if (size < 1e-9).any():
        raise ValueError("a word's vector equals the mean of all; give two or more that differ")
    return centred / size


def code(
    images: Float[np.ndarray, "n e"],
    direction: Float[np.ndarray, " e"],
    *,
    mean: Float[np.ndarray, " e"],
) -> Float[np.ndarray, " n"]:
    """How far each centred image lies along a concept."""
    return (images - mean) @ direction


def edit(
    images: Float[np.ndarray, "n e"],
    direction: Float[np.ndarray, " e"],
    *,
    mean: Float[np.ndarray, " e"],
    level: float = 0.0,
) -> Float[np.ndarray, "n e"]:
    """Images whose code of the concept is `level`, everything across it as it was, then length 1.

    level 0 ablates: nothing of the centred image is left along the concept. To insert, give the
    code of images that show it.
    """
    missing = level - code(images, direction, mean=mean)
    moved = images + missing[:, None] * direction
    size = np.linalg.norm(moved, axis=1, keepdims=True)
    return moved / np.maximum(size, 1e-12)


def ranking(
    images: Float[np.ndarray, "n e"], texts: Float[np.ndarray, "y e"]
) -> Integer[np.ndarray, "n y"]:
    """Classes by the cosine of their text with each image, nearest first."""
    return np.argsort(-(images @ texts.T), axis=1, kind="stable")


def effect(
    images: Float[np.ndarray, "n e"],
    words: Float[np.ndarray, "k e"],
    concept: int,
    *,
    mean: Float[np.ndarray, " e"],
    level: float = 0.0,
    classes: Float[np.ndarray, "y e"] | None = None,
) -> Effect:
    """What setting one concept's code to `level` does to images, concepts and classes' texts.

    Images and texts are unit rows; without `classes`, rank and top_changes are NaN. Raises
    ValueError without images and with fewer than two words.
    """
    if len(images) == 0 or len(words) < 2:
        raise ValueError(f"{len(images)} images and {len(words)} words are too few to compare")
    axes = directions(words)
    after = edit(images, axes[concept], mean=mean, level=level)
    shift = _cosine(after - mean, axes) - _cosine(images - mean, axes)
    told = (after - images) @ words.T
    rank = top = float("nan")
    if classes is not None:
        first, second = ranking(images, classes), ranking(after, classes)
        places = np.argsort(first, axis=1), np.argsort(second, axis=1)
        rank = float(np.abs(places[1] - places[0]).mean())
        top = float((first[:, 0] != second[:, 0]).mean())
    other = np.arange(len(words)) != concept
    return Effect(
        own=float(shift[:, concept].mean()),
        others=float(np.abs(shift[:, other]).mean()),
        own_text=float(told[:, concept].mean()),
        others_text=float(np.abs(told[:, other]).mean()),
        rank=rank,
        top_changes=top,
        n=len(images),
    )


def _cosine(x: Float[np.ndarray, "n e"], axes: Float[np.ndarray, "k e"]) -> np.ndarray:
    return x @ axes.T / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
