"""Accuracy against the number of corrected concepts, over any set of images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

from core import bottleneck
from core.types import Head

_BLOCK = 1 << 15
"""logits worked on at once, 256 KB: they stay in the processor's cache over all steps"""


@dataclass(frozen=True)
class Curve:
    """Step 0 is the head as it is; step s after the s most useful groups were corrected."""

    accuracy: Float64[np.ndarray, " s"]
    probability: Float64[np.ndarray, " s"]
    """mean probability of the true class, 0..1"""
    corrected: Float64[np.ndarray, " s"]
    """mean number of concepts corrected so far (steps are groups, which differ in size)"""
    predicted: Integer[np.ndarray, "s n"]
    correct: Bool[np.ndarray, "s n"]
    chance: float
    """share of the most frequent class among these images"""

    def gained(self, step: int) -> Integer[np.ndarray, " m"]:
        """Rows that this step made right."""
        return np.flatnonzero(self.correct[step] & ~self.correct[step - 1])

    def lost(self, step: int) -> Integer[np.ndarray, " m"]:
        """Rows that this step made wrong."""
        return np.flatnonzero(~self.correct[step] & self.correct[step - 1])

    def flipped(self, step: int) -> Integer[np.ndarray, " m"]:
        """Rows whose class this step changed, right or wrong."""
        return np.flatnonzero(self.predicted[step] != self.predicted[step - 1])


def curve(
    head: Head,
    scores: Float[np.ndarray, "n k"],
    values: Float[np.ndarray, "n k"],
    order: Integer[np.ndarray, "n g"],
    *,
    classes: Integer[np.ndarray, " n"],
    rest: Float[np.ndarray, "n y"] | None = None,
    groups: Integer[np.ndarray, " k"] | None = None,
) -> Curve:
    """Sets the concepts of each image to `values`, group by group in its `order`.

    Every step adds (value - score) x weight column to the logits, so that all steps together cost
    one pass over the table. Raises ValueError without images, or for a class the head lacks.
    """
    n, n_classes = len(scores), len(head.bias)
    if n == 0:
        raise ValueError("a curve needs at least one image")
    if classes.min() < 0 or classes.max() >= n_classes:
        raise ValueError(f"classes must be rows of the head, 0..{n_classes - 1}")
    weight = np.ascontiguousarray(head.weight.astype(np.float64).T)
    members = _members(groups, scores.shape[1])
    n_steps = order.shape[1] + 1
    predicted = np.empty((n_steps, n), np.min_scalar_type(n_classes))
    total = np.zeros(n_steps)
    for start in range(0, n, max(1, _BLOCK // n_classes)):
        rows = slice(start, min(start + max(1, _BLOCK // n_classes), n))
        here = np.arange(rows.stop - rows.start)
        own = scores[rows].astype(np.float64)
        change = values[rows] - own
        z = bottleneck.logits(head, own, None if rest is None else rest[rows])
        for step in range(n_steps):
            if step:
                for column in members[order[rows, step - 1]].T:
                    amount = np.where(column >= 0, change[here, column], 0.0)
                    z += amount[:, None] * weight[column]
            best = z.argmax(1)
            predicted[step, rows] = best
            powers = np.exp(z - z[here, best][:, None])
            total[step] += (powers[here, classes[rows]] / powers.sum(1)).sum()
    sizes = (members >= 0).sum(1)
    correct = predicted == classes
    return Curve(
        accuracy=correct.mean(1),
        probability=total / n,
        corrected=np.concatenate([[0.0], sizes[order].cumsum(1).mean(0)]),
        predicted=predicted,
        correct=correct,
        chance=float(np.bincount(classes).max() / n),
    )


def _members(
    groups: Integer[np.ndarray, " k"] | None, n_concepts: int
) -> Integer[np.ndarray, "g m"]:
    """Concepts of every group, by ascending id; rows filled up with -1."""
    if groups is None:
        return np.arange(n_concepts)[:, None]
    ids, counts = np.unique(groups, return_counts=True)
    out = np.full((len(ids), counts.max()), -1)
    for i, group in enumerate(ids):
        out[i, : counts[i]] = np.flatnonzero(groups == group)
    return out
