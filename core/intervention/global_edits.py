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

from core.measure import Measure
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


def _repredicted(
    head: Head, edited: Head, scores: Float[np.ndarray, "n k"], logits: Float[np.ndarray, "n y"]
) -> Integer[np.ndarray, " n"]:
    step = edited.weight.astype(np.float64) - head.weight
    columns = np.flatnonzero((step != 0).any(0))
    inner = step[:, columns].T
    offset = edited.bias.astype(np.float64) - head.bias
    new = np.empty(len(logits), np.int64)
    size = max(1, _BLOCK // len(head.bias))
    for start in range(0, len(logits), size):
        rows = slice(start, start + size)
        moved = scores[rows][:, columns].astype(np.float64) @ inner
        moved += logits[rows]
        moved += offset
        new[rows] = moved.argmax(1)
    return new
