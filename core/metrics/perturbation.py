"""What changing the input, or thinning the head, does to the output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Float64, Integer

from core import bottleneck
from core.measure import Measure
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
