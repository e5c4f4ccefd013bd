"""Concept existence: are the concepts that carried a prediction in the image at all?

Concepts are ranked by weight x score for the predicted class; CEM at l is the share of the first l
that the labels call present (Aysel, Cai & Prügel-Bennett 2025, arXiv 2501.19271). A negative weight
on a negative score also adds to the class: "it lacks this" is sound evidence, yet an absent concept
counts as a miss. So those slots are counted apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Integer

from core.measure import Measure, mean_of


@dataclass(frozen=True)
class Existence:
    """Per image, its first l concepts. NaN value: fewer than l concepts have a known label."""

    value: Float64[np.ndarray, " n"]
    """CEM at l, 0..1"""
    chance: Float64[np.ndarray, " n"]
    """share of the image's labelled concepts that are present: the mean CEM of a random order"""
    n_positive: Integer[np.ndarray, " n"]
    """slots with a positive weight and a positive score ..."""
    present_positive: Integer[np.ndarray, " n"]
    """... and of those, concepts that are present"""
    n_double: Integer[np.ndarray, " n"]
    """slots with a negative weight and a negative score ..."""
    present_double: Integer[np.ndarray, " n"]
    """... and of those, concepts that are present (absent ones are sound evidence)"""


def contributions(
    weight: Float[np.ndarray, "y k"],
    scores: Float[np.ndarray, "n k"],
    predicted: Integer[np.ndarray, " n"],
) -> Float64[np.ndarray, "n k"]:
    """Local importance: weight x score for each image's predicted class, in logits."""
    return weight[predicted].astype(np.float64) * scores


def first(
    importance: Float[np.ndarray, "n k"], allowed: Float[np.ndarray, "n k"], *, length: int
) -> Integer[np.ndarray, "n l"]:
    """The `length` most important allowed (not NaN) concepts, descending; ties: lower index.

    Where fewer are allowed the row is filled up with others; the caller counts.
    """
    n_concepts = importance.shape[1]
    if not 1 <= length <= n_concepts:
        raise ValueError(f"l is {length}; with {n_concepts} concepts choose 1..{n_concepts}")
    ranked = np.where(np.isnan(allowed), -np.inf, importance)
    return np.argsort(-ranked, axis=1, kind="stable")[:, :length]


def cem(
    weight: Float[np.ndarray, "y k"],
    scores: Float[np.ndarray, "n k"],
    labels: Float[np.ndarray, "n k"],
    *,
    predicted: Integer[np.ndarray, " n"],
    length: int,
) -> Existence:
    """CEM at l = `length`. Labels are 1, 0 or NaN; concepts of unknown label are not ranked."""
    known = ~np.isnan(labels)
    n_known = known.sum(1)
    importance = contributions(weight, scores, predicted)
    slots = first(importance, labels, length=length)
    present = np.take_along_axis(labels, slots, 1) == 1
    judged = n_known >= length
    positive = (weight[predicted] > 0) & (scores > 0) & judged[:, None]
    double = (weight[predicted] < 0) & (scores < 0) & judged[:, None]
    positive = np.take_along_axis(positive, slots, 1)
    double = np.take_along_axis(double, slots, 1)
    share = np.nansum(labels, 1) / np.maximum(n_known, 1)
    return Existence(
        value=np.where(judged, present.mean(1), np.nan),
        chance=np.where(judged, share, np.nan),
        n_positive=positive.sum(1),
        present_positive=(positive & present).sum(1),
        n_double=double.sum(1),
        present_double=(double & present).sum(1),
    )


def summary(
    existence: Existence, rows: Integer[np.ndarray, " m"] | None = None
) -> dict[str, Measure]:
    """Means over images: "all", and by kind of evidence over the slots of that kind.

    `rows` limits it, for instance to the correctly classified images. The chance of the two kinds
    is the chance of the images they occur in, weighted by their slots.
    """
    picked = np.arange(len(existence.value)) if rows is None else rows
    out = {"all": mean_of(existence.value[picked], existence.chance[picked])}
    for kind, slots, present in (
        ("positive evidence", existence.n_positive, existence.present_positive),
        ("double negative", existence.n_double, existence.present_double),
    ):
        n = int(slots[picked].sum())
        if n == 0:
            out[kind] = Measure(float("nan"), float("nan"), 0)
            continue
        chance = np.nansum(slots[picked] * existence.chance[picked]) / n
        out[kind] = Measure(float(present[picked].sum() / n), float(chance), n)
    return out
