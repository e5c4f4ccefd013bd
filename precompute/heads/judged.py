"""What heads and the plain probe predict, and how often they are right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from core import heads as core_heads
from core.bottleneck import logits, probabilities
from core.types import Head
from precompute.heads.types import Fitted, choose_on_val, labelled
from precompute.intake import Build


@dataclass(frozen=True)
class Probe:
    predicted: Integer[np.ndarray, " n"]
    """class_id of every image"""
    classes: Integer[np.ndarray, " y"]


def probe(build: Build) -> Probe:
    """The plain linear probe on pooled activations: what a head has to be measured against.

    Its strength is chosen on the val split, where there is one, as that of a sparse head is.
    """
    rows, pooled = labelled(build), build.pooled

    def fit(strength: float) -> tuple[Head, np.ndarray]:
        return core_heads.fit_probe(pooled[rows], build.class_of[rows], c=strength, seed=build.seed)

    head, present = fit(choose_on_val(build, fit, pooled)[0])
    return Probe(present[logits(head, pooled).argmax(1)], present)


def logits_of(fitted: Fitted, scores: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "n y"]:
    """Of every image, whether the head is linear or not."""
    return logits(fitted.head, scores, fitted.rest) if fitted.unlike is None else fitted.unlike


def predictions(
    fitted: Fitted, scores: Float[np.ndarray, "n k"]
) -> tuple[Integer[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """class_id and probability of each image's most likely class."""
    probs = probabilities(logits_of(fitted, scores), fitted.head.link)
    best = probs.argmax(1)
    return fitted.classes[best], probs[np.arange(len(best)), best]


def accuracies(
    predicted: Integer[np.ndarray, " n"],
    truth: Integer[np.ndarray, " n"],
    splits: np.ndarray,
    *,
    countable: Integer[np.ndarray, " y"],
) -> list[dict[str, Any]]:
    """Top-1 per split over images whose label is among `countable` classes; chance beside it."""
    usable = np.isin(truth, countable)
    rows = []
    for split in dict.fromkeys(splits):
        chosen = usable & (splits == split)
        if chosen.any():
            rows.append(
                {
                    "split": split,
                    "n": int(chosen.sum()),
                    "accuracy": float((predicted == truth)[chosen].mean()),
                    "chance": float(np.bincount(truth[chosen]).max() / chosen.sum()),
                }
            )
    return rows
