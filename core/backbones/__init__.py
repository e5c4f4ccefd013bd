"""Backbones: images to tokens on a grid. A family is one line in `BACKBONES`."""

from __future__ import annotations

from collections.abc import Callable

from core.backbones import huggingface
from core.backbones.depth import ManyLayers, open_layers
from core.backbones.earlier import at_earlier_layer
from core.backbones.huggingface import list_layers
from core.backbones.joint import JOINT_LAYER
from core.backbones.layers import LayerInfo
from core.backbones.resume import Resumes, Stopped
from core.backbones.text import TextTower, load_text_tower
from core.backbones.weights import is_local, quiet
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
    if family not in BACKBONES:
        raise ValueError(f"unknown backbone family {family!r}; choose from {sorted(BACKBONES)}")
    return BACKBONES[family](model, layer=layer, size=size, device=device)


__all__ = [
    "BACKBONES",
    "JOINT_LAYER",
    "LayerInfo",
    "ManyLayers",
    "Resumes",
    "Stopped",
    "TextTower",
    "at_earlier_layer",
    "is_local",
    "list_layers",
    "load",
    "load_text_tower",
    "open_layers",
    "quiet",
]
