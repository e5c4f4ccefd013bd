"""Heads trained on the labels of the train images."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from core import heads as core_heads
from core.types import Head
from precompute.heads import several
from precompute.heads.types import Fitted, HeadInput, labelled, settled


def sparse(given: HeadInput, **params: Any) -> Fitted:
    """The post-hoc concept bottleneck: sparse read-out of labels from scores.

    Of a multi-label set a logistic regression of each label, see `several`. Raises ValueError when
    the labels cannot support it: fewer than two classes, or on average fewer than three labelled
    train images a class.
    """
    build = given.build
    if build.targets is not None:
        return several.sparse(given, **params)
    rows = labelled(build)
    targets = build.class_of[rows]
    settings = core_heads.SparseSettings(**params)
    scores = given.scores[rows]

    def fitted(strength: float) -> tuple[Head, np.ndarray]:
        return core_heads.fit_sparse(scores, targets, replace(settings, c=strength))[:2]

    settings, chosen = settled(given, settings, fitted)
    head, present, gap = core_heads.fit_sparse(scores, targets, settings)
    share = np.count_nonzero(head.weight) / head.weight.size
    each = np.count_nonzero(head.weight) / len(head.weight)
    aimed = f", {each:.3g} a class where {settings.per_class} were asked for"
    return Fitted(
        head,
        present,
        f"Sparse linear layer on concept scores, trained on the labels of {len(rows):,} train "
        f"images{chosen}; {100 * share:.0f} % of its weights are not zero"
        f"{aimed if settings.per_class else ''}.",
        gap=gap,
        refit=lambda scores: sparse(replace(given, scores=scores), **params),
    )


def hybrid(given: HeadInput, *, strength: float = 0.01, **params: Any) -> Fitted:
    """The sparse head and, on what it leaves, a linear layer on the pooled activations (PCBM-h).

    Yuksekgonul et al. 2023 (arXiv 2205.15480), section 3.3: the concept head is trained first and
    kept; the residual layer is then trained on the sum of both. `strength` penalises its weights
    (`core.intervention.refit`), further parameters are those of `sparse`. Its logits are fixed in
    each image, so that edits of concepts stay live. Raises what `sparse` raises.
    """
    build = given.build
    if build.targets is not None:
        return several.hybrid(given, strength=strength, **params)
    rows = labelled(build)
    first = sparse(given, **params)
    targets = np.searchsorted(first.classes, build.class_of[rows])
    left = core_heads.fit_residual(
        first.head, given.scores[rows], given.vectors[rows], targets, strength=strength
    )
    pooled = given.vectors.astype(np.float64)
    return Fitted(
        replace(first.head, residual=True),
        first.classes,
        "A sparse linear layer on concept scores plus a linear layer on the activations, trained "
        f"on what the concepts leave, with the labels of {len(rows)} train images. The second part "
        "stays fixed in each image, whatever is edited.",
        pooled @ left.weight.T + left.bias,
        gap=first.gap,
        refit=lambda scores: hybrid(replace(given, scores=scores), strength=strength, **params),
    )
