"""What a bank may look at while it is fitted, from the train images or from some of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Integer

from core.recipe import BankSpec
from core.types import FitData
from data.datasets import Dataset
from precompute.intake import (
    ActivationStore,
    ImageCrops,
    Scene,
    StoredImages,
    StoredTokens,
    Texts,
    labels_of,
)


def fit_data(
    spec: BankSpec,
    dataset: Dataset,
    activations: ActivationStore,
    scene: Scene,
    texts: Texts,
    *,
    layer: str,
    device: str = "cpu",
) -> FitData:
    """Raises ValueError when the bank asks for labels of a level that the data set lacks."""
    level = str(spec.params.get("labels", ""))
    labels = labels_of(
        dataset, activations.rows, train=scene.train, test=scene.held_out, level=level
    )
    pooled = activations.pooled()
    classes = scene.class_of[scene.train]
    return FitData(
        StoredTokens(activations, scene.train),
        pooled[scene.train],
        pooled[scene.held_out],
        labels,
        images=StoredImages(activations, scene.train),
        classes=classes if (classes >= 0).any() else None,
        text=texts.side(scene.train, scene.held_out),
        layer=layer,
        device=device,
    )


def part_of(data: FitData, part: Integer[np.ndarray, " p"]) -> FitData:
    """The same with only some of the train images (ascending rows of `data.pooled`)."""
    tokens = data.tokens
    assert isinstance(tokens, StoredTokens)
    chosen = tokens.chosen[part]
    return replace(
        data,
        tokens=StoredTokens(tokens.store, chosen),
        pooled=data.pooled[part],
        labels=data.labels and replace(data.labels, train=data.labels.train[part]),
        images=StoredImages(tokens.store, chosen),
        classes=None if data.classes is None else data.classes[part],
        text=data.text and replace(data.text, images_in=data.text.images_in[part]),
        checkpoint=None,
        crops=data.crops.part(part) if isinstance(data.crops, ImageCrops) else None,
    )
