"""Opening a Hugging Face image model: which class reads it, and what can be wrong with it."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from transformers import (
    AutoModel,
    AutoModelForImageClassification,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    PreTrainedConfig,
    PreTrainedModel,
    SiglipVisionModel,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_FOR_IMAGE_MAPPING_NAMES,
)

from core.backbones import reading

# Models of images and text: only the part that sees the image is loaded.
VISION_TOWERS: dict[str, type[PreTrainedModel]] = {
    "clip": CLIPVisionModelWithProjection,
    "clip_vision_model": CLIPVisionModel,
    "siglip": SiglipVisionModel,
    "siglip_vision_model": SiglipVisionModel,
}
NAFLEX = ("siglip2", "siglip2_vision_model")
CHANNELS = 3


class Opened(NamedTuple):
    network: PreTrainedModel
    outputs: tuple[str, ...]  # class names in the order of the logits; empty: no classifier


def is_local(model: str) -> bool:
    """Whether `model` names a directory here rather than a model on a hub.

    Raises FileNotFoundError where it is written like a path but nothing is there.
    """
    path = Path(model).expanduser()
    if path.is_dir():
        return True
    if path.is_file():
        raise ValueError(
            f"backbone {model!r} is a file; give the directory that holds config.json, "
            "preprocessor_config.json and model.safetensors"
        )
    looks_like_path = model.startswith((".", "/", "~")) or model.count("/") > 1 or os.sep != "/"
    if looks_like_path:
        raise FileNotFoundError(
            f"backbone directory {model!r} does not exist (looked for {path.absolute()}); give a "
            "directory saved with save_pretrained, or a hub name such as 'owner/name'"
        )
    return False


def open_network(model: str, *, device: str) -> Opened:
    """The network in evaluation mode, float32, parameters frozen.

    Raises FileNotFoundError for missing files, ConnectionError for a hub name that cannot be
    fetched, ValueError for anything that is not an image model with complete safetensors weights.
    """
    local = is_local(model)
    source = str(Path(model).expanduser()) if local else model
    who = f"backbone {model!r}"
    config = reading.read_config(source, who)
    architecture = str((config.architectures or [""])[0])
    classifies = "ForImageClassification" in architecture
    _check_image_model(config, who=who, architecture=architecture)
    names = _class_names(config, who) if classifies else ()
    loader = AutoModelForImageClassification if classifies else _feature_class(config, architecture)
    options: dict[str, Any] = {}
    if not classifies and _has_pooler(config):
        options["add_pooling_layer"] = False  # unused here, and absent from some checkpoints
    if not classifies and config.model_type == "clip":
        # the projection's size is told for the whole model, and by some for its parts as well
        options["config"] = config.vision_config
        options["config"].projection_dim = config.projection_dim
    network = reading.read_weights(loader, source, who, **options)
    if config.model_type == "vit_mae":
        _keep_order(network)
    network.eval().requires_grad_(False).to(device)
    return Opened(network, names)


def _class_names(config: PreTrainedConfig, who: str) -> tuple[str, ...]:
    """In the order of the logits."""
    names = {int(index): str(name) for index, name in (config.id2label or {}).items()}
    if sorted(names) != list(range(len(names))):
        raise ValueError(
            f"the config.json of {who} numbers its classes {', '.join(map(str, sorted(names)[:9]))}"
            " in id2label; they must count up from 0 without a gap, one for each logit"
        )
    return tuple(names[index] for index in sorted(names))


def _keep_order(network: nn.Module) -> None:
    """A masked autoencoder as an encoder: it hides no patch, and leaves all where they are.

    The network sorts patches by noise that it draws at every pass; ascending noise, which it takes
    as an argument, keeps their order.
    """
    patch = int(network.config.patch_size)  # type: ignore[union-attr, arg-type]
    network.config.mask_ratio = 0.0  # type: ignore[union-attr]

    def order(_module: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> Any:
        pixels = named["pixel_values"]
        n = (pixels.shape[2] // patch) * (pixels.shape[3] // patch)
        return given, named | {
            "noise": torch.arange(n, device=pixels.device).expand(len(pixels), n)
        }

    network.register_forward_pre_hook(order, with_kwargs=True)


def _check_image_model(config: PreTrainedConfig, *, who: str, architecture: str) -> None:
    kind = config.model_type
    if kind in NAFLEX:
        raise ValueError(
            f"{who} is a SigLIP 2 of the kind NaFlex ({kind!r}), which cuts every image into "
            "another grid; use a SigLIP 2 of fixed resolution, whose config.json says model_type "
            "'siglip', such as google/siglip2-base-patch16-224"
        )
    known = kind in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES or (
        kind in MODEL_FOR_IMAGE_MAPPING_NAMES or kind in VISION_TOWERS
    )
    if not known:
        raise ValueError(
            f"{who} is a {kind!r} model ({architecture or 'no architecture named'}), "
            "which does not read images alone; use an image model such as ViT, DINOv2, CLIP, "
            "SigLIP, Swin, ResNet, ConvNeXt or MobileNetV2"
        )
    seen = getattr(config, "vision_config", config)
    channels = getattr(seen, "num_channels", CHANNELS)
    if channels != CHANNELS:
        raise ValueError(
            f"{who} reads images with num_channels = {channels} (in its config.json), and this "
            f"program gives every model {CHANNELS}: red, green and blue; use a model with "
            f"num_channels = {CHANNELS}"
        )


def _feature_class(config: PreTrainedConfig, architecture: str) -> Any:
    if architecture == CLIPVisionModelWithProjection.__name__:
        return CLIPVisionModelWithProjection
    return VISION_TOWERS.get(config.model_type, AutoModel)


def _has_pooler(config: PreTrainedConfig) -> bool:
    if config.model_type in VISION_TOWERS:
        return False
    network_class: Any = AutoModel._model_mapping[type(config)]  # noqa: SLF001 - no other place
    return "add_pooling_layer" in inspect.signature(network_class).parameters
