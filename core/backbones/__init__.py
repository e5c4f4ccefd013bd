"""Backbones: images to tokens on a grid. A family is one line in `BACKBONES`."""

from __future__ import annotations

from collections.abc import Callable

from PIL import Image

from core.backbones import huggingface
from core.backbones.cls_token import Reads, ReadsCls, no_cls
from core.backbones.earlier import at_earlier_layer
from core.backbones.joint import JOINT_LAYER
from core.backbones.layers import LayerInfo, Listing
from core.backbones.network_files import is_local
from core.backbones.pooled_layers import ManyLayers, open_layers
from core.backbones.reading import quiet
from core.backbones.resume import Resumes, Stopped
from core.backbones.text_tower import TextTower, load_text_tower
from core.kinds import Link
from core.types import Backbone

BACKBONES: dict[str, Callable[..., Backbone]] = {"huggingface": huggingface.load}


def load(
    model: str,
    *,
    family: str = "huggingface",
    layer: str = "",
    size: tuple[int, int] | None = None,
    device: str = "cpu",
) -> Backbone:
    """A backbone at one layer; raises ValueError for a family that is not listed."""
    check_family(family)
    return BACKBONES[family](model, layer=layer, size=size, device=device)


def list_layers(
    model: str, *, family: str = "huggingface", size: tuple[int, int] | None = None
) -> Listing:
    """Every layer that can be chosen, in the order in which the network finishes them.

    Of a family whose inside cannot be reached, the one layer that it opens at.
    """
    if family == "huggingface":
        return huggingface.list_layers(model, size=size)
    backbone = load(model, family=family, size=size)
    seen = backbone.forward(backbone.preprocess([Image.new("RGB", (256, 256), "grey")]))
    width, n_extra = seen.tokens.shape[2], seen.extra.shape[1]
    why = why_layer(backbone)
    return Listing([LayerInfo(backbone.layer, "tokens", seen.grid, width, n_extra, True, why)], "")


def why_layer(backbone: Backbone) -> str:
    """Why concepts are sought at a backbone's layer, for people."""
    if isinstance(backbone, huggingface.HuggingFaceBackbone):
        return backbone.why
    return "the layer that its family gives"


def link_of(backbone: Backbone) -> Link:
    """How a backbone's logits become probabilities: as its configuration says, else by softmax."""
    if not isinstance(backbone, huggingface.HuggingFaceBackbone):
        return "softmax"
    kind = getattr(getattr(backbone.network, "config", None), "problem_type", None)
    return "sigmoid" if kind == "multi_label_classification" else "softmax"


def check_family(family: str) -> None:
    """Raises ValueError for a family that is not listed, naming those that are."""
    if family not in BACKBONES:
        raise ValueError(f"unknown backbone family {family!r}; known: {', '.join(BACKBONES)}")


__all__ = [
    "BACKBONES",
    "JOINT_LAYER",
    "LayerInfo",
    "Listing",
    "ManyLayers",
    "Reads",
    "ReadsCls",
    "Resumes",
    "Stopped",
    "TextTower",
    "at_earlier_layer",
    "check_family",
    "is_local",
    "link_of",
    "list_layers",
    "load",
    "load_text_tower",
    "no_cls",
    "open_layers",
    "quiet",
    "why_layer",
]
