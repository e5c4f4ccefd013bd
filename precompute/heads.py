"""Heads on concept scores, and the accuracies they are judged by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Integer

from core import heads as core_heads
from core.bottleneck import logits, probabilities, rest
from core.recipe import HeadSpec
from core.types import Backbone, ConceptBank, Head
from precompute import parameters
from precompute.scene import Scene


@dataclass(frozen=True)
class Fitted:
    head: Head
    classes: Integer[np.ndarray, " y"]
    """class_id of each row of the head"""
    about: str
    rest: Float[np.ndarray, "n y"] | None = None


@dataclass(frozen=True)
class Material:
    """What a head may be made from."""

    scene: Scene
    backbone: Backbone
    bank: ConceptBank
    scores: Float[np.ndarray, "n k"]
    backbone_logits: Float[np.ndarray, "n y"] | None
    output_classes: Integer[np.ndarray, " y"]
    """class_id of each logit of the backbone"""


def sparse(material: Material, **params: Any) -> Fitted:
    """The post-hoc concept bottleneck: sparse read-out of labels from scores.

    Raises ValueError when the labels cannot support it: fewer than two classes, or on average
    fewer than three labelled train images a class.
    """
    scene = material.scene
    rows = _labelled(scene)
    targets = scene.class_of[rows]
    head, present = core_heads.fit_sparse(material.scores[rows], targets, seed=scene.seed, **params)
    share = np.count_nonzero(head.weight) / head.weight.size
    return Fitted(
        head,
        present,
        f"Sparse linear layer on concept scores, trained on the labels of {len(rows)} train "
        f"images; {share:.0%} of its weights are not zero.",
    )


def backbone(material: Material) -> Fitted:
    """The model's own last layer, read through the bank; unedited it equals the model exactly.

    Raises ValueError when the model does not classify, its logits are no linear map of the mean
    token, or the bank does not reconstruct activations.
    """
    if material.backbone_logits is None:
        raise ValueError(
            "the backbone does not classify, so it has no last layer to read concepts through"
        )
    readout = material.backbone.linear_readout()
    if readout is None:
        raise ValueError(
            f"the logits are not a linear map of the mean token of layer {material.backbone.layer},"
            " so concepts have no exact weights; choose the layer before the pooling, or use a "
            'head of kind "sparse"'
        )
    if material.bank.offset is None:
        raise ValueError(
            "this bank does not reconstruct activations, so the model cannot be read through it; "
            'use nmf or sae, or a head of kind "sparse"'
        )
    head = core_heads.fold_backbone(
        readout, material.bank.directions.numpy(), material.bank.offset.numpy()
    )
    return Fitted(
        head,
        material.output_classes,
        "The model's own last layer read through the bank: each concept's weight is its "
        "direction's exact effect on the logit. What the bank does not reconstruct stays fixed in "
        "each image.",
        rest(head, material.scores, material.backbone_logits),
    )


HEADS: Mapping[str, Callable[..., Fitted]] = {"sparse": sparse, "backbone": backbone}
_FITS: Mapping[str, Callable[..., Any]] = {"sparse": core_heads.fit_sparse, "backbone": backbone}
"""whose parameters a recipe may set"""


def check(spec: HeadSpec) -> None:
    """Raises ValueError for a kind or a parameter that does not exist, naming those that do."""
    if spec.kind not in HEADS:
        raise ValueError(
            f"head {spec.title!r}: unknown kind {spec.kind!r}; known: {', '.join(HEADS)}"
        )
    parameters.check(
        spec.params, _FITS[spec.kind], owner=f"head {spec.title!r}: {spec.kind}", given={"seed"}
    )


@dataclass(frozen=True)
class Probe:
    predicted: Integer[np.ndarray, " n"]
    """class_id of every image"""
    classes: Integer[np.ndarray, " y"]


def probe(scene: Scene, pooled: Float[np.ndarray, "n d"]) -> Probe:
    """The plain linear probe on pooled activations: what a head has to be measured against."""
    rows = _labelled(scene)
    head, present = core_heads.fit_probe(pooled[rows], scene.class_of[rows], seed=scene.seed)
    return Probe(present[logits(head, pooled).argmax(1)], present)


def _labelled(scene: Scene) -> Integer[np.ndarray, " m"]:
    """Train images that carry a label. Raises ValueError when they are too few to train on."""
    rows = scene.train[scene.class_of[scene.train] >= 0]
    n_classes = len(np.unique(scene.class_of[rows]))
    if n_classes == 0:
        raise ValueError("no train image carries a label, so nothing can be trained on labels")
    if len(rows) < 3 * n_classes:
        raise ValueError(
            f"{len(rows)} labelled train images of {n_classes} classes are too few to train on "
            '(it takes 3 a class on average); a head of kind "backbone" needs no labels'
        )
    return rows


def predictions(
    fitted: Fitted, scores: Float[np.ndarray, "n k"]
) -> tuple[Integer[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """class_id and probability of each image's most likely class."""
    probs = probabilities(logits(fitted.head, scores, fitted.rest))
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
