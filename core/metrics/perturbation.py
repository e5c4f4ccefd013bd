"""What changing the input, or thinning the head, does to the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float64, Integer

from core import bottleneck
from core.metrics.measure import Measure
from core.types import Head


def curve_area(outputs: Float[np.ndarray, "*n s"]) -> Float64[np.ndarray, "*n"]:
    """Insertion or deletion AUC: the mean height of the curve, by trapezoids, in its own unit.

    `outputs` are the model's answers after 0, 1, ... equal steps (Petsiuk et al. 2018, arXiv
    1806.07421). A good map gives a small deletion and a large insertion area.
    """
    n_steps = outputs.shape[-1]
    if n_steps < 2:
        raise ValueError(f"a curve needs at least two points, got {n_steps}")
    y = outputs.astype(np.float64)
    return np.asarray((y.sum(-1) - (y[..., 0] + y[..., -1]) / 2) / (n_steps - 1))


def straight_area(outputs: Float[np.ndarray, "*n s"]) -> Float64[np.ndarray, "*n"]:
    """Area under the straight line between the ends.

    For the logit of a linear head it is exactly the mean over all orders of removing concepts; for
    other outputs chance must be measured with random orders.
    """
    return np.asarray((outputs[..., 0].astype(np.float64) + outputs[..., -1]) / 2)


@dataclass(frozen=True)
class Confidence:
    """How keeping only what a map marks changes the probability of the class it explains."""

    drop: Float64[np.ndarray, " n"]
    """max(before - after, 0) / before, 0..1; NaN where before is 0"""
    gain: Float64[np.ndarray, " n"]
    """max(after - before, 0) / (1 - before), 0..1; NaN where before is 1"""
    increase: Float64[np.ndarray, " n"]
    """1 where after is larger"""


def confidence_change(
    before: Float[np.ndarray, " n"], after: Float[np.ndarray, " n"]
) -> Confidence:
    """Average drop, gain and increase, image by image; their means are the published numbers.

    (Chattopadhyay et al. 2018, arXiv 1710.11063; gain: Zhang et al. 2023, arXiv 2301.07002.)
    """
    y, o = before.astype(np.float64), after.astype(np.float64)
    nowhere = np.full(len(y), np.nan)
    return Confidence(
        drop=np.divide(np.maximum(y - o, 0), y, out=nowhere.copy(), where=y > 0),
        gain=np.divide(np.maximum(o - y, 0), 1 - y, out=nowhere.copy(), where=y < 1),
        increase=(o > y).astype(np.float64),
    )


def effective_concepts(weight: Float[np.ndarray, "y k"]) -> float:
    """NEC: non-zero weights a class, on average."""
    return float((weight != 0).sum() / len(weight))


def keep_strongest(head: Head, *, n: int) -> Head:
    """Keep each class's n weights of largest magnitude (ties: lower index), zero the others."""
    if n < 0:
        raise ValueError(f"a class cannot keep {n} concepts; give 0 or more")
    order = np.argsort(-np.abs(head.weight), axis=1, kind="stable")[:, :n]
    kept = np.zeros_like(head.weight)
    np.put_along_axis(kept, order, np.take_along_axis(head.weight, order, 1), 1)
    return replace(head, weight=kept)


def accuracy_by_effective_concepts(
    head: Head,
    scores: Float[np.ndarray, "n k"],
    classes: Integer[np.ndarray, " n"],
    *,
    sizes: Sequence[int],
    rest: Float[np.ndarray, "n y"] | None = None,
) -> list[Measure]:
    """Top-1 accuracy with at most `sizes` concepts a class, one Measure a size.

    Chance is the share of the most frequent class. The mean over sizes is ANEC. (Srivastava, Yan &
    Weng 2024, arXiv 2408.01432.) The head is not fitted again at each size.
    """
    if len(classes) == 0:
        return [Measure(float("nan"), float("nan"), 0) for _ in sizes]
    chance = float(np.bincount(classes).max() / len(classes))
    out = []
    for n in sizes:
        found = bottleneck.logits(keep_strongest(head, n=n), scores, rest).argmax(1)
        out.append(Measure(float((found == classes).mean()), chance, len(classes)))
    return out
