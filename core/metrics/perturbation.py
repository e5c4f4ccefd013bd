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


def keep_strongest(head: Head, deviation: Float[np.ndarray, " k"], *, n: int) -> Head:
    """Keep each class's n weights that move its logit most from image to image, zero the others.

    A weight's size is |w| times the standard deviation of its concept's scores, for scores of one
    bank can differ in spread a thousandfold. Ties: lower index. The bias stays; `keep_average` then
    gives it what the dropped weights say of every image alike.
    """
    if n < 0:
        raise ValueError(f"a class cannot keep {n} concepts; give 0 or more")
    size = np.abs(head.weight) * deviation
    order = np.argsort(-size, axis=1, kind="stable")[:, :n]
    kept = np.zeros_like(head.weight)
    np.put_along_axis(kept, order, np.take_along_axis(head.weight, order, 1), 1)
    return replace(head, weight=kept)


def keep_average(head: Head, edited: Head, mean: Float[np.ndarray, " k"]) -> Head:
    """`edited` with the bias that leaves an average image's logits as they were under `head`.

    A weight that is taken away takes its contribution to every image with it, also the part that
    all images share. That part tells no images apart, so it belongs into the bias: what is removed
    is then what the concept said, not that it spoke (mean ablation). `mean` is the average score.
    """
    return replace(edited, bias=edited.bias + (head.weight - edited.weight) @ mean)


def accuracy_by_effective_concepts(
    head: Head,
    scores: Float[np.ndarray, "n k"],
    classes: Integer[np.ndarray, " n"],
    *,
    sizes: Sequence[int],
    fitted_to: Float[np.ndarray, "m k"],
) -> list[Measure]:
    """Top-1 accuracy with at most `sizes` concepts a class, one Measure a size.

    The weights that count most are told, and the average of the others is kept, by the scores of
    the images that the head was fitted to: as with scores standardised by them, which is how
    Srivastava, Yan & Weng 2024 (arXiv 2408.01432) define it. Chance is the share of the most
    frequent class. The mean over sizes is ANEC. The head is not fitted again at each size.
    """
    if len(classes) == 0:
        return [Measure(float("nan"), float("nan"), 0) for _ in sizes]
    chance = float(np.bincount(classes).max() / len(classes))
    out = []
    mean, deviation = fitted_to.mean(0), fitted_to.std(0)
    for n in sizes:
        few = keep_average(head, keep_strongest(head, deviation, n=n), mean)
        found = bottleneck.logits(few, scores).argmax(1)
        out.append(Measure(float((found == classes).mean()), chance, len(classes)))
    return out
