"""Any Hugging Face image model as a backbone: one generic path for every family.

A forward hook on the chosen layer takes the tokens; in `attributed` it also hands them back to the
network, so that the logits depend on exactly the tensor that is returned.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from PIL.Image import Image
from torch import Tensor, nn

from core.backbones import cls_token, default_layer, joint, layers, mean_readout, resume
from core.backbones.default_layer import Choice
from core.backbones.layers import LayerInfo, Layout, Listing
from core.backbones.network_files import open_network
from core.backbones.processing import Preprocessor, open_processor
from core.types import Activations, Box

NAMED = "named by whoever asked for the build"


class Opened(NamedTuple):
    network: nn.Module
    outputs: tuple[str, ...]
    preprocessor: Preprocessor
    found: dict[str, tuple[Layout, int]]
    """every layer with tokens on a grid, in the order of finishing: layout and width"""
    probe: Float[Tensor, "2 3 H W"]
    seen: default_layer.Watched
    """the network on the probe"""

    def run(self, pixels: Float[Tensor, "b 3 H W"]) -> Any:
        return call(self.network, pixels)

    def default(self) -> Choice:
        with torch.no_grad():
            return default_layer.choose(self.network, self.run, self.probe, self.found, self.seen)


@dataclass(frozen=True)
class HuggingFaceBackbone:
    name: str
    layer: str
    outputs: tuple[str, ...]
    fingerprint: str
    layout: Layout
    width: int  # d
    pixel_size: tuple[int, int]  # rows, columns
    network: nn.Module
    preprocessor: Preprocessor
    device: str
    space: joint.Joint | None = None
    """shared with texts; None: the model knows no texts"""
    why: str = NAMED
    """why concepts are sought at this layer, for people"""

    def preprocess(self, images: Sequence[Image]) -> Float[Tensor, "b 3 H W"]:
        """Upright images to normalised pixels, on the CPU."""
        return self.preprocessor(images)

    def view(self, width: int, height: int) -> Box:
        box = self.preprocessor.frame(width, height).box
        rows, columns = self.layout.cover
        x1 = box.x0 + (box.x1 - box.x0) * columns
        return Box(box.x0, box.y0, x1, box.y0 + (box.y1 - box.y0) * rows)

    @torch.no_grad()
    def forward(self, pixels: Float[Tensor, "b 3 H W"]) -> Activations:
        return self._run(pixels)

    def attributed(self, pixels: Float[Tensor, "b 3 H W"]) -> Activations:
        """Sets `requires_grad` on `pixels` where it is not set yet."""
        if not pixels.requires_grad:
            pixels.requires_grad_(True)
        with torch.enable_grad():
            return self._run(pixels)

    def resume(self, pixels: Float[Tensor, "b 3 H W"]) -> resume.Resumed:
        """Stopped at the layer, to go on from other tokens. Raises ValueError without logits."""
        if not self.outputs or self.layer == joint.JOINT_LAYER:
            raise ValueError(f"backbone {self.name!r} has no logits above layer {self.layer!r}")
        return resume.stop(
            self.network, call, pixels.to(self.device), layer=self.layer, layout=self.layout
        )

    def linear_readout(self) -> tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]] | None:
        return mean_readout.find(self.network, self.forward, mean_readout.probes(*self.pixel_size))

    def reads(self) -> cls_token.Reads:
        return self._reads

    @cached_property
    def _reads(self) -> cls_token.Reads:
        projected = self.space if self.layer == joint.JOINT_LAYER else None
        return cls_token.reads(
            self.network,
            lambda pixels: call(self.network, pixels),
            mean_readout.probes(*self.pixel_size)[-2:].to(self.device),
            layer=projected.source if projected else self.layer,
            layout=self.layout,
        )

    def cls_readout(self) -> tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]] | None:
        return self._cls_readout

    @cached_property
    def _cls_readout(self) -> tuple[Float[np.ndarray, "y d"], Float[np.ndarray, " y"]] | None:
        if not self.outputs or self.layer == joint.JOINT_LAYER or not self._reads.cls:
            return None
        return cls_token.find(self.resume(mean_readout.probes(*self.pixel_size)))

    def _run(self, pixels: Tensor) -> Activations:
        if tuple(pixels.shape[2:]) != self.pixel_size:
            raise ValueError(
                f"backbone {self.name!r} was opened for pixels of {self.pixel_size} (rows, "
                f"columns), these have {tuple(pixels.shape[2:])}; use its own preprocess"
            )
        taken: list[tuple[Tensor, Tensor]] = []

        def take(_module: nn.Module, _inputs: Any, output: Any) -> Any:
            raw = layers.tensor_of(output)
            assert raw is not None, "the survey found a tensor here"
            parts = self.layout.split(raw)
            taken.append(parts)
            if not torch.is_grad_enabled():
                return None
            return layers.with_tensor(output, self.layout.join(*parts))

        projected = self.space if self.layer == joint.JOINT_LAYER else None
        source = projected.source if projected else self.layer
        hook = self.network.get_submodule(source).register_forward_hook(take)
        try:
            result = call(self.network, pixels.to(self.device))
        finally:
            hook.remove()
        tokens, extra = taken[-1]
        return Activations(
            tokens=projected.project(tokens) if projected else tokens,
            grid=self.layout.grid,
            extra=projected.project(extra) if projected else extra,
            logits=result.logits if self.outputs else None,
            embedding=self.space.vectors(result) if self.space else None,
        )


def load(
    model: str, *, layer: str = "", size: tuple[int, int] | None = None, device: str = "cpu"
) -> HuggingFaceBackbone:
    """A model from a directory saved with `save_pretrained`, or from a hub by name.

    layer: dotted module name, or "joint" (`core.backbones.joint`) for a CLIP-like model; empty: the
    one that `core.backbones.default_layer` finds. size: rows and columns in pixels to resize to
    without cropping; None: what the model's image processor does.
    Raises FileNotFoundError, ConnectionError or ValueError, each saying what to do.
    """
    opened = _open(model, size=size, device=device)
    why = NAMED
    if not layer:
        layer, why, _ = opened.default()
        if not layer:
            raise ValueError(
                f"no layer of backbone {model!r} can be taken by default: {why}. Name one with "
                "--layer, or layer = in the recipe; the command `layers` lists those that there are"
            )
    found = dict(opened.found)
    space = joint.find(opened.network, found)
    if space:
        found[joint.JOINT_LAYER] = space.layout, space.width
    layers.check_layer(layer, opened.network, found)
    layout, width = found[layer]
    return HuggingFaceBackbone(
        name=Path(model).name if Path(model).expanduser().is_dir() else model,
        layer=layer,
        outputs=opened.outputs,
        fingerprint=_fingerprint(
            opened.network,
            opened.preprocessor,
            layer,
            has_cls=cls_token.has(opened.network, layout),
        ),
        layout=layout,
        width=width,
        pixel_size=(opened.probe.shape[2], opened.probe.shape[3]),
        network=opened.network,
        preprocessor=opened.preprocessor,
        device=device,
        space=space,
        why=why,
    )


def list_layers(model: str, *, size: tuple[int, int] | None = None) -> Listing:
    """Every layer that can be chosen, in the order in which the network finishes them."""
    opened = _open(model, size=size, device="cpu")
    default, why, passed_over = opened.default()
    found = dict(opened.found)
    space = joint.find(opened.network, found)
    if space:
        found[joint.JOINT_LAYER] = space.layout, space.width
    reasons = {**passed_over, default: why}
    return Listing(
        [
            LayerInfo(
                name,
                layout.kind,
                layout.grid,
                width,
                layout.n_extra,
                name == default,
                reasons.get(name, ""),
            )
            for name, (layout, width) in found.items()
        ],
        "" if default else why,
    )


def _open(model: str, *, size: tuple[int, int] | None, device: str) -> Opened:
    network, outputs = open_network(model, device=device)
    preprocessor = open_processor(model, size=size)
    frame = preprocessor.frame(100, 100)
    probe = mean_readout.probes(frame.height, frame.width)[-2:].to(device)
    try:
        found, seen = default_layer.watch(network, lambda pixels: call(network, pixels), probe)
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"backbone {model!r} does not run on pixels of {frame.height} x {frame.width} (rows x "
            f"columns): {error}. Give another size, such as the one it was trained with"
        ) from error
    if not seen.steady:
        raise ValueError(
            f"backbone {model!r} gives different results for the same pixels: it draws something "
            "at random, such as which patches it masks, so no map of it could be seen twice. Use a "
            "model that does not, or one whose config.json switches that off"
        )
    if outputs and seen.n_logits != len(outputs):
        raise ValueError(
            f"backbone {model!r} gives {seen.n_logits} logits and its config.json names "
            f"{len(outputs)} classes (id2label); which logit is which class cannot be told. Write "
            "one name for each"
        )
    return Opened(network, outputs, preprocessor, found, probe, seen)


def call(network: nn.Module, pixels: Tensor) -> Any:
    """Position embeddings are interpolated where a family can, so that any grid may be used.

    Not at the size that the network was made for: where it is no square, some families fail at it.
    """
    made_for = getattr(network.config, "image_size", None)
    if isinstance(made_for, list | tuple) and tuple(made_for) == tuple(pixels.shape[2:]):
        return network(pixel_values=pixels)
    keyword = "interpolate_pos_encoding"
    named = inspect.signature(network.forward).parameters
    inside = [inspect.signature(child.forward).parameters for child in network.children()]
    passes_on = any(p.kind is p.VAR_KEYWORD for p in named.values())
    if keyword in named or (passes_on and any(keyword in child for child in inside)):
        return network(pixel_values=pixels, interpolate_pos_encoding=True)
    return network(pixel_values=pixels)


def _fingerprint(
    network: nn.Module, preprocessor: Preprocessor, layer: str, *, has_cls: bool
) -> str:
    """16 hex digits over every weight, the configuration, the preprocessing, layer and size, and
    whether a CLS token is kept beside the patches."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    config = {
        key: value
        for key, value in network.config.to_dict().items()  # type: ignore[operator, union-attr]
        if key not in ("_name_or_path", "transformers_version", "architectures", "dtype")
    }
    settings = preprocessor.processor.to_dict()
    facts = [config, settings, preprocessor.size, layer, *(["CLS"] if has_cls else [])]
    digest.update(json.dumps(facts, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:16]
