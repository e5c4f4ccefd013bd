"""Heads for labels of which an image can carry several, trained on the train images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from core import heads as core_heads
from core.counted import counted
from core.types import Head, Targets
from precompute.heads.types import Fitted, HeadInput, settled
from precompute.intake import Build


def sparse(given: HeadInput, **params: Any) -> Fitted:
    """A sparse logistic regression of every label that can be learnt, on scores.

    Raises ValueError where no label can be.
    """
    build = given.build
    settings = core_heads.SparseSettings(**params)
    targets, scores = targets_of(build), given.scores[build.train]

    def fitted(strength: float) -> tuple[Head, np.ndarray]:
        strong = replace(settings, c=strength)
        return core_heads.fit_sparse_each(scores, targets, strong)[:2]

    settings, chosen = settled(given, settings, fitted)
    head, present, gap = core_heads.fit_sparse_each(scores, targets, settings)
    share = np.count_nonzero(head.weight) / head.weight.size
    return Fitted(
        head,
        present,
        "A sparse logistic regression of each label on concept scores, labels apart, trained on "
        f"the {len(scores):,} train images where they are known{chosen}; {100 * share:.0f} % of "
        f"its weights are not zero.{left_out(build, present)}",
        gap=gap,
        refit=lambda scores: sparse(replace(given, scores=scores), **params),
    )


def hybrid(given: HeadInput, *, strength: float, **params: Any) -> Fitted:
    """As `sparse`, and on what it leaves a logistic regression of each label on activations."""
    build = given.build
    first = sparse(given, **params)
    targets = targets_of(build)
    y = targets.y[:, np.searchsorted(targets.classes, first.classes)]
    left = core_heads.fit_residual_each(
        first.head, given.scores[build.train], given.vectors[build.train], y, strength=strength
    )
    return Fitted(
        replace(first.head, residual=True),
        first.classes,
        "A sparse logistic regression of each label on concept scores plus one on the activations, "
        f"trained on what the concepts leave, on the {len(build.train):,} train images where "
        "labels are known. The second part stays fixed in each image, whatever is edited."
        f"{left_out(build, first.classes)}",
        given.vectors.astype(np.float64) @ left.weight.T + left.bias,
        gap=first.gap,
        refit=lambda scores: hybrid(replace(given, scores=scores), strength=strength, **params),
    )


def own_again(given: HeadInput, scores: Float[np.ndarray, "n k"]) -> Fitted:
    """What a head that was learned with its bank is, on other scores of the same shape."""
    build = given.build
    head, present = core_heads.fit_probe_each(
        scores[build.train], targets_of(build), seed=build.seed
    )
    return Fitted(head, present, "A linear read-out of random directions.")


def targets_of(build: Build) -> Targets:
    """Of the train images."""
    assert build.targets is not None
    return replace(build.targets, y=build.targets.y[build.train])


def left_out(build: Build, present: np.ndarray) -> str:
    """A sentence on labels that could not be learnt; "": there is none."""
    assert build.targets is not None
    names = [build.class_names[c] for c in build.targets.classes if c not in present]
    if not names:
        return ""
    told = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return (
        f" Without {counted(len(names), 'label')} ({told}): fewer than 3 train images are known to "
        "show it, or fewer than 3 not to."
    )
