"""What every saliency method returns, and how a method is described."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from core.types import Activations, Backbone


@dataclass(frozen=True)
class Saliency:
    """One map an image, on a grid whose cells divide the backbone's pixels evenly."""

    maps: Float[Tensor, "b h w"]


@dataclass(frozen=True)
class Method:
    """`function(backbone, pixels, target, **params)` explains the target logit of each image."""

    function: Callable[..., Saliency]
    title: str
    """the method's name for people"""
    signed: bool  # whether values below zero are evidence against the target
    unit: str
    about: str
    """one sentence for people, true of a logit and of a concept's score alike"""


def target_logits(seen: Activations, target: Int[Tensor, " b"]) -> Float[Tensor, " b"]:
    """Each image's target logit; raises ValueError where there is none."""
    if seen.logits is None:
        raise ValueError(
            "this backbone has no classifier, so there is no logit to explain; use a checkpoint "
            "whose architecture ends in ForImageClassification, or leave saliency out of the recipe"
        )
    n_classes = seen.logits.shape[1]
    if int(target.min()) < 0 or int(target.max()) >= n_classes:
        raise ValueError(f"targets are class indices 0..{n_classes - 1}, not {target.tolist()}")
    return seen.logits.gather(1, target.to(seen.logits.device)[:, None])[:, 0]


def check_classifier(backbone: Backbone) -> None:
    if not backbone.outputs:
        raise ValueError(f"backbone {backbone.name!r} has no classifier to explain")
