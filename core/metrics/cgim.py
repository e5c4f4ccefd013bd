"""Concept global importance: does a concept matter for the classes that show it?

For concept j three rows over classes are compared with V_j, how often each class shows it: the
head's weights (1), the mean score of the correctly classified images of a class (2), and their
product (3). Compared by cosine, as published (CGIM 1-3; Aysel, Cai & Prügel-Bennett 2025, arXiv
2501.19271), and by Pearson correlation, which a row that is merely positive everywhere cannot win.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

DEFINITIONS = ("frequency", "majority")


@dataclass(frozen=True)
class Agreement:
    """One row over classes against V, per concept. NaN where a row is 0 (constant: Pearson)."""

    cosine: Float64[np.ndarray, " k"]
    chance: Float64[np.ndarray, " k"]
    """mean cosine over all permutations of the classes"""
    pearson: Float64[np.ndarray, " k"]
    """-1..1; its chance is 0"""


@dataclass(frozen=True)
class GlobalImportance:
    weights: Agreement
    scores: Agreement
    products: Agreement
    n_classes: int
    """classes compared"""
    dropped: Integer[np.ndarray, " m"]
    """classes left out: none of their images is classified correctly"""


def presence(
    labels: Float[np.ndarray, "n k"],
    classes: Integer[np.ndarray, " n"],
    *,
    n_classes: int,
    definition: str = "frequency",
) -> Float64[np.ndarray, "y k"]:
    """V: share of a class's images that show the concept, 0..1, or whether at least half do.

    Labels are 1, 0 or NaN (unknown, not counted); V is NaN where a class has no known label.
    """
    if definition not in DEFINITIONS:
        raise ValueError(f"no definition {definition!r}; choose from {', '.join(DEFINITIONS)}")
    member = (np.arange(n_classes)[:, None] == classes).astype(np.float64)
    known = member @ ~np.isnan(labels)
    shown = member @ np.nan_to_num(labels)
    share = np.divide(shown, known, out=np.full(shown.shape, np.nan), where=known > 0)
    if definition == "frequency":
        return share
    return np.where(np.isnan(share), np.nan, share >= 0.5)


def cgim(
    weight: Float[np.ndarray, "y k"],
    scores: Float[np.ndarray, "n k"],
    *,
    classes: Integer[np.ndarray, " n"],
    predicted: Integer[np.ndarray, " n"],
    shown: Float[np.ndarray, "y k"],
) -> GlobalImportance:
    """All three, one value a concept. `shown` is V, see `presence`.

    A concept is compared over the classes that have a correct image and a known V. Swapping the
    axes of `agreement` gives a value per class instead; the paper has none.
    """
    n_classes = len(weight)
    member = np.arange(n_classes)[:, None] == np.where(predicted == classes, classes, -1)
    n = member.sum(1)
    kept = n > 0
    means = (member[kept] @ scores.astype(np.float64)) / n[kept, None]
    kept_weight = weight[kept].astype(np.float64)
    v = shown[kept].astype(np.float64)
    return GlobalImportance(
        agreement(kept_weight, v),
        agreement(means, v),
        agreement(kept_weight * means, v),
        int(kept.sum()),
        np.flatnonzero(~kept),
    )


def agreement(a: Float64[np.ndarray, "y k"], v: Float64[np.ndarray, "y k"]) -> Agreement:
    """Column by column, over the rows where v is known.

    Permuting v keeps its sum, so the mean inner product over permutations is
    sum(a) sum(v) / n, and the mean cosine follows exactly.
    """
    known = ~np.isnan(v)
    n = known.sum(0)
    a, v = np.where(known, a, 0.0), np.where(known, v, 0.0)
    product = a.sum(0) * v.sum(0) / np.maximum(n, 1)
    cosine = _cosine(a, v)
    norms = np.sqrt((a**2).sum(0) * (v**2).sum(0))
    chance = np.divide(product, norms, out=np.full(len(n), np.nan), where=norms > 0)
    return Agreement(cosine, chance, _cosine(_centred(a, known, n), _centred(v, known, n)))


def _centred(
    a: Float64[np.ndarray, "y k"], known: Bool[np.ndarray, "y k"], n: Integer[np.ndarray, " k"]
) -> Float64[np.ndarray, "y k"]:
    # zero exactly where a column is constant, so that rounding does not give it a direction
    centred = np.where(known, a - a.sum(0) / np.maximum(n, 1), 0.0)
    size = np.abs(a).max(axis=0, initial=0.0)
    return np.where(np.abs(centred).max(axis=0, initial=0.0) > 1e-12 * size, centred, 0.0)


def _cosine(
    a: Float64[np.ndarray, "y k"], b: Float64[np.ndarray, "y k"]
) -> Float64[np.ndarray, " k"]:
    norms = np.sqrt((a**2).sum(0) * (b**2).sum(0))
    return np.divide((a * b).sum(0), norms, out=np.full(a.shape[1], np.nan), where=norms > 0)
