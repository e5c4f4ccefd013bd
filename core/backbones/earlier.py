"""The same network read at earlier layers, nearest first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from core.backbones import layers, mean_readout
from core.backbones.huggingface import HuggingFaceBackbone, call
from core.types import Backbone


def at_earlier_layer(backbone: Backbone, *, layer: str = "") -> Iterator[Backbone]:
    """Layers that finish before this one's, outside its own module; or only the one named.

    None for a backbone that does not know other layers. Raises ValueError for a layer that has no
    grid, does not exist, or does not come earlier.
    """
    if not isinstance(backbone, HuggingFaceBackbone):
        return
    probe = mean_readout.probes(*backbone.pixel_size)[-2:].to(backbone.device)
    network = backbone.network
    with torch.no_grad():
        found = layers.survey(network, probe, lambda pixels: call(network, pixels))
    names = list(found)
    before = names[: names.index(backbone.layer)]
    if layer:
        layers.check_layer(layer, network, found)
        if layer not in before:
            raise ValueError(
                f"layer {layer!r} is not earlier than {backbone.layer!r}; earlier ones are "
                f"{', '.join(before[-5:]) or 'none'}"
            )
        before = [layer]
    for name in reversed(before):
        if layer or not name.startswith(f"{backbone.layer}."):
            layout, width = found[name]
            why = f"earlier than {backbone.layer}"
            yield replace(backbone, layer=name, layout=layout, width=width, why=why)
