"""What a bank may look at while it is fitted, from the train images or from some of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Integer

from core.recipe import BankSpec
from core.types import FitData
from precompute.banks.pooling import pool_of, vectors
from precompute.intake import (
    Build,
    ImageCrops,
    StoredImages,
    StoredTokens,
    Texts,
    labels_of,
)

_PATCHES = 4
"""for each time that a CLS token is learned from"""


def fit_data(
    spec: BankSpec,
    build: Build,
    texts: Texts,
) -> FitData:
    """What the bank may look at. Where its scores are read from CLS tokens, these are the images'
    vectors, and a fifth of the tokens: a dictionary of patches alone rebuilds them badly.

    Raises ValueError when the bank asks for labels of a level that the data set lacks.
    """
    level = str(spec.params.get("labels", ""))
    labels = labels_of(
        build.dataset, build.rows, train=build.train, test=build.held_out, level=level
    )
    pool, activations = pool_of(spec), build.activations
    pooled = vectors(build, pool)
    n_cls = max(1, activations.tokens(0).shape[1] // _PATCHES) if pool == "cls" else 0
    classes = build.class_of[build.train]
    return FitData(
        StoredTokens(activations, build.train, n_cls),
        pooled[build.train],
        pooled[build.held_out],
        labels,
        images=StoredImages(activations, build.train),
        classes=classes if (classes >= 0).any() else None,
        targets=None
        if build.targets is None
        else replace(build.targets, y=build.targets.y[build.train]),
        text=texts.side(build.train, build.held_out, build.chosen_on),
        layer=build.backbone.layer,
        device=build.device,
        pooled_val=pooled[build.chosen_on] if len(build.chosen_on) else None,
    )


def part_of(data: FitData, part: Integer[np.ndarray, " p"]) -> FitData:
    """The same with only some of the train images (ascending rows of `data.pooled`)."""
    tokens = data.tokens
    assert isinstance(tokens, StoredTokens)
    chosen = tokens.chosen[part]
    return replace(
        data,
        tokens=StoredTokens(tokens.store, chosen, tokens.n_cls),
        pooled=data.pooled[part],
        labels=data.labels and replace(data.labels, train=data.labels.train[part]),
        images=StoredImages(tokens.store, chosen),
        classes=None if data.classes is None else data.classes[part],
        targets=data.targets and replace(data.targets, y=data.targets.y[part]),
        text=data.text and replace(data.text, images_in=data.text.images_in[part]),
        checkpoint=None,
        crops=data.crops.part(part) if isinstance(data.crops, ImageCrops) else None,
    )
