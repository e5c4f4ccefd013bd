"""Several layers of one network in a single pass, each pooled over its tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from core.backbones import huggingface, layers, mean_readout
from core.backbones.layers import Layout
from core.types import Backbone


@dataclass(frozen=True)
class ManyLayers:
    """Layers in the order in which the network finishes them."""

    backbone: huggingface.HuggingFaceBackbone
    names: tuple[str, ...]
    layouts: tuple[Layout, ...]
    widths: tuple[int, ...]

    @torch.no_grad()
    def pooled(self, pixels: Float[Tensor, "b 3 H W"]) -> list[Float[Tensor, "b d"]]:
        """Mean over the grid's tokens at every layer; CLS and register tokens are left out."""
        taken: dict[str, Tensor] = {}

        def take(name: str, layout: Layout, output: Any) -> None:
            raw = layers.tensor_of(output)
            assert raw is not None, "the survey found a tensor here"
            taken[name] = layout.split(raw)[0].mean(1)

        hooks = [
            self.backbone.network.get_submodule(name).register_forward_hook(_hook(take, name, at))
            for name, at in zip(self.names, self.layouts, strict=True)
        ]
        try:
            self.backbone.forward(pixels)
        finally:
            for hook in hooks:
                hook.remove()
        return [taken[name] for name in self.names]


def _hook(take: Any, name: str, layout: Layout) -> Any:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        take(name, layout, output)

    return hook


def open_layers(backbone: Backbone, names: Sequence[str]) -> ManyLayers:
    """The layers called `names` of an open backbone, sorted by depth.

    Raises ValueError for a layer that is not there, with the nearest names, for one named twice,
    and for a backbone whose inside cannot be reached.
    """
    if not isinstance(backbone, huggingface.HuggingFaceBackbone):
        raise ValueError(f"backbone {backbone.name!r} gives one layer only, so depth has no layers")
    probe = mean_readout.probes(*backbone.pixel_size)[-2:].to(backbone.device)
    found = layers.survey(backbone.network, probe, backbone.forward)
    for name in names:
        layers.check_layer(name, backbone.network, found)
        if list(names).count(name) > 1:
            raise ValueError(f"[depth] names the layer {name!r} twice")
    chosen = [name for name in found if name in names]
    return ManyLayers(
        backbone,
        tuple(chosen),
        tuple(found[name][0] for name in chosen),
        tuple(found[name][1] for name in chosen),
    )
