"""Concept bottleneck: class logits from concept scores, and what editing a score changes.

logit_y = bias_y + sum_k weight_yk * score_k (+ rest_y)

(Koh et al. 2020, "Concept Bottleneck Models"; the linear head over given concepts is that of
Yuksekgonul et al. 2023, "Post-hoc Concept Bottleneck Models".) The rest is what a residual head
carries per image, so that without edits it equals the backbone. All in float64.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64

from core.kinds import Link
from core.types import Head


class Presets(NamedTuple):
    """Typical scores to set a concept to; None where no image of the store tells."""

    present: float | None
    absent: float | None


def logits(
    head: Head, scores: Float[np.ndarray, "*n k"], rest: Float[np.ndarray, "*n y"] | None = None
) -> Float64[np.ndarray, "*n y"]:
    """Raises ValueError when a residual head gets no rest, or another head gets one."""
    if head.residual and rest is None:
        raise ValueError("this head adds each image's rest to its logits; pass `rest`")
    if not head.residual and rest is not None:
        raise ValueError("this head has no residual; call without `rest`")
    # a matrix product, not einsum: several times faster on a whole split
    out = scores.astype(np.float64) @ head.weight.astype(np.float64).T
    out = out + head.bias.astype(np.float64)
    return out if rest is None else out + rest


def rest(
    head: Head, scores: Float[np.ndarray, "*n k"], backbone: Float[np.ndarray, "*n y"]
) -> Float64[np.ndarray, "*n y"]:
    """Backbone logits minus the linear part: what the concepts leave unexplained, in logits."""
    plain = Head(weight=head.weight, bias=head.bias)
    return backbone.astype(np.float64) - logits(plain, scores)


def probabilities(
    logits: Float[np.ndarray, "*n y"], link: Link = "softmax"
) -> Float64[np.ndarray, "*n y"]:
    """Softmax over the last axis, or the sigmoid of each logit, which need not sum to 1."""
    if link == "sigmoid":
        return sigmoid(logits)
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    powers = np.exp(shifted)
    return powers / powers.sum(axis=-1, keepdims=True)


def taken(
    logits: Float[np.ndarray, "*n y"],
    thresholds: Float[np.ndarray, " y"] | None,
    link: Link = "softmax",
) -> Bool[np.ndarray, "*n y"]:
    """What images are taken for: every class whose probability reaches its threshold or, without
    thresholds, the most probable one."""
    if thresholds is None:
        return np.asarray(logits.argmax(-1)[..., None] == np.arange(logits.shape[-1]))
    return np.asarray(probabilities(logits, link) >= thresholds)


def sigmoid(logits: Float[np.ndarray, "*n"]) -> Float64[np.ndarray, "*n"]:
    """1 / (1 + exp(-logit)), without overflow at either end."""
    return np.asarray(0.5 * (1 + np.tanh(logits.astype(np.float64) / 2)))


def intervene(
    scores: Float[np.ndarray, "*n k"], edits: Mapping[int, float]
) -> Float[np.ndarray, "*n k"]:
    """A copy with column `k` set to its value for every edit; `scores` itself is untouched.

    Raises IndexError for a column that does not exist, ValueError for a value that is no number.
    """
    out = scores.copy()
    for k, value in edits.items():
        if not 0 <= k < scores.shape[-1]:
            raise IndexError(f"no concept {k}: the scores have 0..{scores.shape[-1] - 1}")
        if not np.isfinite(value):
            raise ValueError(f"concept {k} cannot be set to {value}; give a finite number")
        out[..., k] = value
    return out


def contributions(
    head: Head, scores: Float[np.ndarray, "*n k"], y: int
) -> Float64[np.ndarray, "*n k"]:
    """weight * score, in logits: with bias and rest of class index y they sum to its logit."""
    return scores.astype(np.float64) * head.weight[y].astype(np.float64)


def shifts(
    head: Head, scores: Float[np.ndarray, "n k"], edits: Mapping[int, float]
) -> Float64[np.ndarray, "n y"]:
    """How far the edits move every logit, without the concepts that stay as they are."""
    columns = sorted(edits)
    values = np.array([edits[k] for k in columns], dtype=np.float64)
    change = values - scores[:, columns].astype(np.float64)
    return change @ head.weight[:, columns].astype(np.float64).T


def entropy(
    probabilities: Float[np.ndarray, "*n y"], link: Link = "softmax"
) -> Float64[np.ndarray, "*n"]:
    """Bits: how undecided the prediction is, 0..log2(y); of a sigmoid head the sum over its labels
    of the entropy of each being there or not, 0..y."""
    p = probabilities.astype(np.float64)
    if link == "sigmoid":
        p = np.stack([p, 1 - p], axis=-1).reshape(*p.shape[:-1], -1)
    return np.asarray(-(p * np.log2(np.where(p > 0, p, 1.0))).sum(axis=-1) + 0.0)


def margin(probabilities: Float[np.ndarray, "*n y"]) -> Float64[np.ndarray, "*n"]:
    """Largest minus second largest probability, 0..1. Raises ValueError below two classes."""
    if probabilities.shape[-1] < 2:
        raise ValueError("a margin needs at least two classes")
    top = np.partition(probabilities.astype(np.float64), -2, axis=-1)
    return np.asarray(top[..., -1] - top[..., -2])


def presets(present: float | None, absent: float | None) -> Presets:
    """Medians from the store, as values to set. NaN (SQL's NULL) becomes None.

    They are scores that the concept really takes; 0 or 1 may be values that no image shows.
    """
    found = [None if v is None or not np.isfinite(v) else float(v) for v in (present, absent)]
    return Presets(*found)
