"""Tiny, randomly initialised Hugging Face models saved to disk, one for each family."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    ConvNextConfig,
    ConvNextForImageClassification,
    ConvNextImageProcessorPil,
    Dinov2WithRegistersConfig,
    Dinov2WithRegistersModel,
    MobileNetV2Config,
    MobileNetV2ForImageClassification,
    MobileNetV2ImageProcessorPil,
    PreTrainedModel,
    ResNetConfig,
    ResNetForImageClassification,
    SiglipImageProcessorPil,
    SiglipVisionConfig,
    SiglipVisionModel,
    SwinConfig,
    SwinForImageClassification,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
    ViTModel,
)

NAMES = {0: "wren", 1: "heron", 2: "finch", 3: "swift"}
LABELS = {"id2label": NAMES, "label2id": {name: index for index, name in NAMES.items()}}
# Width of the tokens, layers and heads of the transformers below.
BODY = {
    "hidden_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 20,
}
SQUARE = {"image_size": 32, "patch_size": 8}


def _vit() -> PreTrainedModel:
    return ViTForImageClassification(ViTConfig(**BODY, **SQUARE, **LABELS))


def _vit_features() -> PreTrainedModel:
    return ViTModel(ViTConfig(**BODY, **SQUARE), add_pooling_layer=False)


def _dinov2() -> PreTrainedModel:
    return Dinov2WithRegistersModel(
        Dinov2WithRegistersConfig(
            hidden_size=12,
            num_hidden_layers=2,
            num_attention_heads=2,
            mlp_ratio=2,
            num_register_tokens=3,
            **SQUARE,
        )
    )


def _clip() -> PreTrainedModel:
    return CLIPVisionModel(CLIPVisionConfig(**BODY, **SQUARE))


def _clip_both() -> PreTrainedModel:
    text = {**BODY, "vocab_size": 9, "max_position_embeddings": 5}
    text |= {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    return CLIPModel(CLIPConfig(text_config=text, vision_config={**BODY, **SQUARE}))


def _siglip() -> PreTrainedModel:
    return SiglipVisionModel(SiglipVisionConfig(**BODY, **SQUARE))


def _swin() -> PreTrainedModel:
    config = SwinConfig(
        image_size=32, patch_size=4, embed_dim=8, depths=[1, 1], num_heads=[2, 2], window_size=4
    )
    config.id2label, config.label2id = LABELS["id2label"], LABELS["label2id"]
    return SwinForImageClassification(config)


def _resnet() -> PreTrainedModel:
    shape = {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1]}
    return ResNetForImageClassification(ResNetConfig(layer_type="basic", **shape, **LABELS))


def _convnext() -> PreTrainedModel:
    return ConvNextForImageClassification(
        ConvNextConfig(hidden_sizes=[8, 12], depths=[1, 1], num_stages=2, **LABELS)
    )


def _mobilenet() -> PreTrainedModel:
    return MobileNetV2ForImageClassification(MobileNetV2Config(depth_multiplier=0.1, **LABELS))


def _direct(height: int, width: int) -> ViTImageProcessorPil:
    return ViTImageProcessorPil(size={"height": height, "width": width})


# Every family: the network and its image processor.
FAMILIES: dict[str, tuple[Callable[[], PreTrainedModel], Callable[[], object]]] = {
    "vit": (_vit, lambda: _direct(32, 32)),
    "vit_features": (_vit_features, lambda: _direct(32, 32)),
    "dinov2_with_registers": (_dinov2, lambda: _direct(32, 32)),
    "clip": (
        _clip,
        lambda: CLIPImageProcessorPil(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
    ),
    "clip_both": (
        _clip_both,
        lambda: CLIPImageProcessorPil(
            size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
        ),
    ),
    "siglip": (_siglip, lambda: SiglipImageProcessorPil(size={"height": 32, "width": 32})),
    "swin": (_swin, lambda: _direct(32, 32)),
    "resnet": (_resnet, lambda: _direct(64, 96)),
    "convnext": (_convnext, lambda: ConvNextImageProcessorPil(size={"shortest_edge": 64})),
    "mobilenet_v2": (
        _mobilenet,
        lambda: MobileNetV2ImageProcessorPil(
            size={"shortest_edge": 72}, crop_size={"height": 64, "width": 64}
        ),
    ),
}


def save(family: str, path: Path, *, seed: int = 0) -> Path:
    """Writes the family's directory (weights, config.json, preprocessor_config.json) to `path`."""
    make, processor = FAMILIES[family]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = make()
        # Fresh weights are small; larger ones make tokens depend visibly on the image.
        for name, parameter in network.named_parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.3 if "embed" in name else 0.2)
    network.save_pretrained(path)
    processor().save_pretrained(path)  # type: ignore[attr-defined]
    return path
