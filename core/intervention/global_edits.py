"""What an edited head does to every image, without computing any logit from scratch.

Scores x (new - old weight), over the concepts whose weights changed, are added to the cached
logits: exact, and cheap because an edit touches little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Integer

from core import bottleneck
from core.intervention.curves import Known
from core.measure import Measure
from core.metrics import macro_ranking
from core.metrics.learnability import Interval
from core.types import Head

_BLOCK = 1 << 17
"""logits worked on at once, 1 MB"""


class Change(NamedTuple):
    before: Measure
    after: Measure


@dataclass(frozen=True)
class Preview:
    predicted: Integer[np.ndarray, " n"]
    """by the edited head"""
    by_split: dict[str, Change]
    """accuracy over labelled images; chance is the most frequent class's share"""
    before: Float64[np.ndarray, "splits y"]
    """accuracy of every class, splits in the order of `by_split`; NaN without an image"""
    after: Float64[np.ndarray, "splits y"]
    n: Integer[np.ndarray, "splits y"]
    gained: Integer[np.ndarray, " g"]
    """rows of the images that become right, ascending"""
    lost: Integer[np.ndarray, " l"]
    flipped: Integer[np.ndarray, " f"]
    """rows of the images whose class changes, labelled or not"""


def preview(
    head: Head,
    edited: Head,
    *,
    scores: Float[np.ndarray, "n k"],
    logits: Float[np.ndarray, "n y"],
    classes: Integer[np.ndarray, " n"],
    splits: Sequence[str] | np.ndarray,
    predicted: Integer[np.ndarray, " n"] | None = None,
) -> Preview:
    """`logits` and `predicted` are of the unedited head (with rest); class -1 is unlabelled."""
    old = logits.argmax(1) if predicted is None else predicted
    new = _repredicted(head, edited, scores, logits)
    split = np.asarray(splits)
    right_before, right_after = old == classes, new == classes
    by_split: dict[str, Change] = {}
    shape = (len(np.unique(split)), len(head.bias))
    n, before, after = np.zeros(shape, np.int64), np.full(shape, np.nan), np.full(shape, np.nan)
    for i, name in enumerate(np.unique(split)):
        rows = (split == name) & (classes >= 0)
        own = classes[rows]
        n[i] = np.bincount(own, minlength=shape[1])
        chance = float(n[i].max() / max(len(own), 1)) if len(own) else float("nan")
        measures = []
        for right, out in ((right_before, before), (right_after, after)):
            hits = np.bincount(own, weights=right[rows], minlength=shape[1])
            out[i] = np.divide(hits, n[i], out=out[i], where=n[i] > 0)
            share = float(hits.sum() / len(own)) if len(own) else float("nan")
            measures.append(Measure(share, chance, len(own)))
        by_split[str(name)] = Change(*measures)
    return Preview(
        predicted=new,
        by_split=by_split,
        before=before,
        after=after,
        n=n,
        gained=np.flatnonzero(right_after & ~right_before),
        lost=np.flatnonzero(right_before & ~right_after),
        flipped=np.flatnonzero(new != old),
    )


class EachChange(NamedTuple):
    """Of the images of a split, before and after, for a head of several labels."""

    areas: Float64[np.ndarray, "2 y"]
    """area under the ROC curve of each label, 0..1; NaN: fewer than `macro_ranking.LEAST` images
    show it, or lack it"""
    gain: Interval
    """mean over labels of what the area gains, -1..1, and its 95 % interval"""
    right: Integer[np.ndarray, "2 y"]
    """images of which the label is told rightly at its threshold"""
    n: Integer[np.ndarray, " y"]
    """images of which it is known"""
    n_positive: Integer[np.ndarray, " y"]

    @property
    def judged(self) -> int:
        """Labels behind the means."""
        return int((~np.isnan(self.areas[0])).sum())

    @property
    def means(self) -> tuple[float, float]:
        """Mean areas over the labels judged, before and after; NaN without one."""
        if not self.judged:
            return float("nan"), float("nan")
        return float(np.nanmean(self.areas[0])), float(np.nanmean(self.areas[1]))

    @property
    def chance(self) -> float:
        """Share told rightly by always saying of each label what is commoner."""
        return float(np.maximum(self.n_positive, self.n - self.n_positive).sum() / self.n.sum())


@dataclass(frozen=True)
class EachPreview:
    by_split: dict[str, EachChange]
    right: Integer[np.ndarray, "2 n"]
    """how many of the image's known labels are told rightly, before and after"""
    flipped: Integer[np.ndarray, " f"]
    """rows of the images of which another set of labels is said"""

    @property
    def gained(self) -> Integer[np.ndarray, " g"]:
        """Rows of the images of which more labels are told rightly."""
        return np.flatnonzero(self.right[1] > self.right[0])

    @property
    def lost(self) -> Integer[np.ndarray, " l"]:
        """Rows of the images of which fewer labels are told rightly."""
        return np.flatnonzero(self.right[1] < self.right[0])


def preview_each(
    head: Head,
    edited: Head,
    *,
    scores: Float[np.ndarray, "n k"],
    logits: Float[np.ndarray, "n y"],
    labels: Known,
    splits: Sequence[str] | np.ndarray,
) -> EachPreview:
    """As `preview`, for the labels of a multi-label set."""
    y, both = labels.y, (logits, _moved(head, edited, scores, logits))
    shown, known = y == 1, ~np.isnan(y)
    said = [bottleneck.probabilities(z, head.link) >= labels.thresholds for z in both]
    told = np.stack([known & (one == shown) for one in said])
    split = np.asarray(splits)
    by_split: dict[str, EachChange] = {}
    for name in np.unique(split):
        rows = split == name
        old, new = (macro_ranking.areas(z[rows], y[rows]) for z in both)
        by_split[str(name)] = EachChange(
            np.stack([old.values, new.values]),
            macro_ranking.gain(old, new),
            right=told[:, rows].sum(1),
            n=known[rows].sum(0),
            n_positive=(shown & known)[rows].sum(0),
        )
    return EachPreview(by_split, told.sum(2), np.flatnonzero((said[0] != said[1]).any(1)))


def _repredicted(
    head: Head, edited: Head, scores: Float[np.ndarray, "n k"], logits: Float[np.ndarray, "n y"]
) -> Integer[np.ndarray, " n"]:
    new = np.empty(len(logits), np.int64)
    size = max(1, _BLOCK // len(head.bias))
    for start in range(0, len(logits), size):
        rows = slice(start, start + size)
        new[rows] = _moved(head, edited, scores[rows], logits[rows]).argmax(1)
    return new


def _moved(
    head: Head, edited: Head, scores: Float[np.ndarray, "n k"], logits: Float[np.ndarray, "n y"]
) -> Float64[np.ndarray, "n y"]:
    """Logits of the edited head."""
    step = edited.weight.astype(np.float64) - head.weight
    columns = np.flatnonzero((step != 0).any(0))
    moved = scores[:, columns].astype(np.float64) @ step[:, columns].T
    moved += logits
    moved += edited.bias.astype(np.float64) - head.bias
    return np.asarray(moved)
