"""Concept bottleneck model: a small concept layer on frozen features and a linear read-out.

Koh et al. 2020 (arXiv 2007.04612) train them in three ways, which are kept apart here:

* independent: concepts from features; classes from the *true* concepts.
* sequential: concepts from features; classes from the concepts as predicted.
* joint: both at once, class loss + `weight` x concept loss, so that concepts may bend to the task.

The concept layer is affine and its score is the concept's logit, above 0 where the concept is said
to be there. Classes are read off logits and not off probabilities (one of the paper's two
variants), which keeps the head linear in what is stored. For the independent read-out a true label
therefore has to be said in logits: as the median logit of the train images that show the concept,
or do not, the very values that an intervention sets; an unknown one as the mean of both by how
often the concept is present.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from core import heads
from core.concepts.bottlenecks import supervised
from core.concepts.bottlenecks.training import (
    Classes,
    Schedule,
    class_loss,
    descend,
    generator_of,
    starting_readout,
)
from core.concepts.common import concept_layer
from core.concepts.common.concept_layer import Bank
from core.types import FitData, Head, Readout

__all__ = ["Bank", "fit"]

TRAINING = ("independent", "sequential", "joint")


@torch.inference_mode(mode=False)
def fit(
    data: FitData,
    *,
    n_concepts: int = 0,
    seed: int = 0,
    training: str = "sequential",
    weight: float = 1.0,
    steps: int = 1000,
    batch: int = 64,
    lr: float = 1e-2,
    decay: float = 1e-3,
    min_each: int = 5,
) -> Bank:
    """Train on pooled activations, standardised inside; concepts that vary enough (`min_each`).

    `weight` is that of the concept loss (mean over known labels) beside the class loss, of joint
    training only; `decay` is the L2 penalty of the concept layer. Without two labelled classes
    independent and sequential training leave the read-out out. Raises ValueError without labels,
    for joint training without classes, for settings out of range, and when training diverges.
    """
    if training not in TRAINING:
        raise ValueError(f"training must be one of {', '.join(TRAINING)}, not {training!r}")
    if steps < 1 or batch < 1 or weight <= 0:
        raise ValueError(
            f"steps and batch must be 1 or more and weight above 0, not {steps}, {batch} and "
            f"{weight}"
        )
    chosen = supervised.learnable(data, n_concepts=n_concepts, min_each=min_each, title="cbm")
    assert data.labels is not None
    targets = supervised.targets(data.labels, chosen)
    joint = training == "joint"
    if joint:
        classes, class_ids = supervised.classes_of(data, title="cbm with joint training")
    else:
        classes = Classes(torch.full((len(targets),), -1), 0)
        class_ids = torch.zeros(0, dtype=torch.int64)
    mean, spread = data.pooled.mean(0, dtype=np.float64), data.pooled.std(0, dtype=np.float64)
    spread = np.where(spread > 0, spread, 1.0)
    x = torch.from_numpy(((data.pooled - mean) / spread).astype(np.float32))
    p = _train(
        x,
        targets,
        classes,
        weight=weight,
        decay=decay,
        schedule=Schedule(steps, batch, lr, seed),
        progress=data.progress,
    )
    w = p["weight"].double().numpy() / spread
    b = p["bias"].double().numpy() - w @ mean
    scores, held_out = (part @ w.T + b for part in (data.pooled, data.pooled_test))
    if joint:
        head = Head(p["read_weight"].double().numpy(), p["read_bias"].double().numpy())
        readout: Readout | None = Readout(head, class_ids.numpy(), _about(training, weight))
    else:
        shown = scores if training == "sequential" else coded(scores, targets.double().numpy())
        readout = _read(data, shown, about=_about(training, weight), seed=seed)
    measured = supervised.facts(data.labels, chosen, scores, held_out)
    return concept_layer.of(w, b, readout=readout, measured=measured)


def coded(
    scores: Float[np.ndarray, "n k"], labels: Float[np.ndarray, "n k"]
) -> Float64[np.ndarray, "n k"]:
    """True labels in units of the score: see the module's text. NaN labels are unknown."""
    out = np.empty(scores.shape)
    for j, (score, label) in enumerate(zip(scores.T, labels.T, strict=True)):
        present, absent = np.median(score[label == 1]), np.median(score[label == 0])
        share = np.nanmean(label)
        known = np.where(label == 1, present, absent)
        out[:, j] = np.where(np.isnan(label), share * present + (1 - share) * absent, known)
    return out


def _about(training: str, weight: float) -> str:
    if training == "joint":
        return f"Trained together with the concept layer, whose loss counted {weight:g} times."
    shown = "true concepts" if training == "independent" else "concepts that the layer predicts"
    return f"Trained on the {shown} on the train images, apart from the concept layer."


def _read(
    data: FitData, shown: Float[np.ndarray, "n k"], *, about: str, seed: int
) -> Readout | None:
    if data.targets is not None:
        head, ids = heads.fit_probe_each(shown, data.targets, seed=seed)
        return Readout(head, ids, about)
    known = np.zeros(len(shown), bool) if data.classes is None else data.classes >= 0
    if data.classes is None or len(np.unique(data.classes[known])) < 2:
        return None
    head, present = heads.fit_probe(shown[known], data.classes[known], seed=seed)
    return Readout(head, present, about)


def _train(
    x: Float[Tensor, "n d"],
    targets: Float[Tensor, "n k"],
    classes: Classes,
    *,
    weight: float,
    decay: float,
    schedule: Schedule,
    progress: Callable[[str], None],
) -> dict[str, Tensor]:
    """Concepts and, where there are any, classes."""
    generator = generator_of(schedule)
    (n, d), k = x.shape, targets.shape[1]
    p = {
        "weight": torch.randn(k, d, generator=generator) / math.sqrt(d) / 10,
        "bias": torch.zeros(k),
        **starting_readout(classes.n, k, generator),
    }

    def loss(part: Integer[Tensor, " b"]) -> Tensor:
        scores = x[part] @ p["weight"].T + p["bias"]
        known = ~targets[part].isnan()
        value = decay * p["weight"].square().sum() / k
        if known.any():
            told = binary_cross_entropy_with_logits(scores[known], targets[part][known])
            value = value + (weight if classes.n else 1.0) * told
        return value + class_loss(p, scores, classes, part)

    return descend(
        p, loss, n, schedule=schedule, generator=generator, progress=progress, title="cbm"
    )
