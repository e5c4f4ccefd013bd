"""Accuracy against the number of corrected concepts, over any set of images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

from core import bottleneck
from core.types import Head

_BLOCK = 1 << 15
"""logits worked on at once, 256 KB: they stay in the processor's cache over all steps"""


class Known(NamedTuple):
    """What is known of images' labels, by the rows of a sigmoid head."""

    y: Float[np.ndarray, "n y"]
    """1 shown, 0 absent, NaN unknown"""
    thresholds: Float[np.ndarray, " y"]
    """probability from which on a label is said to be there, 0..1"""


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


@dataclass(frozen=True)
class EachCurve:
    """As `Curve`, of a head whose labels each have a probability of their own."""

    auc: Float64[np.ndarray, " s"]
    """mean area under the ROC curve over the labels that these images both show and lack, 0..1"""
    loss: Float64[np.ndarray, " s"]
    """binary cross-entropy of what is known, in bits a label: mean over labels"""
    corrected: Float64[np.ndarray, " s"]
    right: Integer[np.ndarray, "s n"]
    """how many of the image's known labels are told rightly at their thresholds"""
    chance: float
    """the loss of always giving each label its share of these images, in bits a label"""
    n_labels: int
    """behind `auc`"""

    def gained(self, step: int) -> Integer[np.ndarray, " m"]:
        """Rows of which this step told more labels rightly."""
        return np.flatnonzero(self.right[step] > self.right[step - 1])

    def lost(self, step: int) -> Integer[np.ndarray, " m"]:
        """Rows of which this step told fewer labels rightly."""
        return np.flatnonzero(self.right[step] < self.right[step - 1])


def curve_each(
    head: Head,
    scores: Float[np.ndarray, "n k"],
    values: Float[np.ndarray, "n k"],
    order: Integer[np.ndarray, "n g"],
    *,
    labels: Known,
    rest: Float[np.ndarray, "n y"] | None = None,
    groups: Integer[np.ndarray, " k"] | None = None,
) -> EachCurve:
    """As `curve`. Raises ValueError without an image of which a label is known."""
    y = labels.y
    known = ~np.isnan(y)
    if not known.any():
        raise ValueError("a curve needs at least one image of which a label is known")
    shown = y == 1
    told = known.any(0)
    both = np.flatnonzero(shown.any(0) & (y == 0).any(0))
    members = _members(groups, scores.shape[1])
    now, here = scores.astype(np.float64), np.arange(len(scores))
    n_steps = order.shape[1] + 1
    right = np.empty((n_steps, len(now)), np.int64)
    auc, loss = np.full(n_steps, np.nan), np.zeros(n_steps)
    for step in range(n_steps):
        if step:
            for column in members[order[:, step - 1]].T:
                set_ = column >= 0
                now[here[set_], column[set_]] = values[here[set_], column[set_]]
        # from the scores and not from the last logits: images that are set alike stay tied
        z = bottleneck.logits(head, now, rest)
        right[step] = (known & ((bottleneck.sigmoid(z) >= labels.thresholds) == shown)).sum(1)
        cost = np.where(known, np.logaddexp(0, z) - np.where(shown, z, 0), 0).sum(0)
        loss[step] = (cost[told] / known.sum(0)[told]).mean() / np.log(2)
        if len(both):
            auc[step] = np.mean([_area(z[known[:, j], j], shown[known[:, j], j]) for j in both])
    share = (shown.sum(0)[told] / known.sum(0)[told])[:, None]
    chance = bottleneck.entropy(np.concatenate([share, 1 - share], 1)).mean()
    sizes = (members >= 0).sum(1)
    corrected = np.concatenate([[0.0], sizes[order].cumsum(1).mean(0)])
    return EachCurve(auc, loss, corrected, right, float(chance), len(both))


def _area(z: Float[np.ndarray, " n"], shown: Bool[np.ndarray, " n"]) -> float:
    """Share of pairs that are ranked rightly, ties half."""
    others = np.sort(z[~shown])
    below = np.searchsorted(others, z[shown], side="left")
    not_above = np.searchsorted(others, z[shown], side="right")
    return float((below + not_above).mean() / (2 * len(others)))


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
