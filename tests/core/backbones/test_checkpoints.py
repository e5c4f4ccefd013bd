"""Checkpoints that are saved in less usual ways give what the library itself makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import (
    CLIPConfig,
    CLIPForImageClassification,
    CLIPImageProcessorPil,
    CLIPModel,
    DINOv3ViTConfig,
    DINOv3ViTModel,
    MobileViTConfig,
    MobileViTForImageClassification,
    MobileViTImageProcessorPil,
    PreTrainedModel,
    Siglip2VisionConfig,
    Siglip2VisionModel,
    SiglipConfig,
    SiglipForImageClassification,
    SiglipImageProcessorPil,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessorPil,
    ViTMAEConfig,
    ViTMAEModel,
)

from core import backbones
from tests.tiny_models import BODY, LABELS, SQUARE

PARTS: dict[str, Any] = {
    "text_config": {
        **BODY,
        "vocab_size": 9,
        "max_position_embeddings": 5,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 2,
    },
    "vision_config": {**BODY, **SQUARE},
}
MOBILE = {"hidden_sizes": [8, 12, 16], "neck_hidden_sizes": [4, 8, 8, 8, 12, 16, 16]}
SIZE = {"height": 32, "width": 32}
CLIP = CLIPImageProcessorPil(size={"shortest_edge": 32}, crop_size=SIZE)


def saved(network: PreTrainedModel, processor: Any, folder: Path) -> Path:
    network.eval().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def made(make: Callable[[], PreTrainedModel]) -> PreTrainedModel:
    """With weights large enough that its answers follow the image."""
    torch.manual_seed(0)
    network = make().eval()
    for parameter in network.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return network.requires_grad_(False)


def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    shapes = ((40, 60, 3), (60, 40, 3))
    return [Image.fromarray(rng.integers(0, 255, s, dtype=np.uint8)) for s in shapes]


@pytest.mark.parametrize(
    ("make", "processor"),
    [
        (lambda: CLIPForImageClassification(CLIPConfig(**PARTS, **LABELS)), CLIP),
        (
            lambda: SiglipForImageClassification(SiglipConfig(**PARTS, **LABELS)),
            SiglipImageProcessorPil(size=SIZE),
        ),
        (
            lambda: MobileViTForImageClassification(MobileViTConfig(**MOBILE, **LABELS)),
            MobileViTImageProcessorPil(size={"shortest_edge": 72}, crop_size={**SIZE, "width": 64}),
        ),
    ],
    ids=["CLIP", "SigLIP", "MobileViT, which reads blue first"],
)
def test_a_classifier_gives_the_librarys_pixels_and_logits(
    make: Callable[[], PreTrainedModel], processor: Any, tmp_path: Path
) -> None:
    network = made(make)
    backbone = backbones.load(str(saved(network, processor, tmp_path)))
    pixels = processor(pictures(), return_tensors="pt")["pixel_values"]
    assert torch.equal(backbone.preprocess(pictures()), pixels)
    logits = backbone.forward(pixels).logits
    assert backbone.outputs == tuple(LABELS["id2label"].values())
    torch.testing.assert_close(logits, network(pixel_values=pixels).logits, rtol=1e-4, atol=1e-6)


def test_a_processor_saved_with_all_of_a_models_processors_is_read(tmp_path: Path) -> None:
    """As version 5 of the library does: no preprocessor_config.json."""
    folder = saved(made(lambda: CLIPModel(CLIPConfig(**PARTS))), CLIP, tmp_path)
    plain = backbones.load(str(folder)).preprocess(pictures())
    alone = folder / "preprocessor_config.json"
    held = {"image_processor": json.loads(alone.read_text()), "processor_class": "CLIPProcessor"}
    (folder / "processor_config.json").write_text(json.dumps(held))
    alone.unlink()
    assert torch.equal(backbones.load(str(folder)).preprocess(pictures()), plain)


def test_dinov3_is_read_without_torchvision(tmp_path: Path) -> None:
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = DINOv3ViTConfig(**shape, **SQUARE, intermediate_size=20, num_register_tokens=2)
    network = made(lambda: DINOv3ViTModel(config))
    processor = ViTImageProcessorPil(size=SIZE)
    folder = saved(network, processor, tmp_path)
    told = json.loads((folder / "preprocessor_config.json").read_text())
    told["image_processor_type"] = "DINOv3ViTImageProcessorFast"
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    backbone = backbones.load(str(folder))
    pixels = processor(pictures(), return_tensors="pt")["pixel_values"]
    assert torch.equal(backbone.preprocess(pictures()), pixels)
    seen = backbone.forward(pixels)
    assert seen.extra.shape[1] == 3
    assert backbone.layer == "norm"
    expected = network(pixel_values=pixels).last_hidden_state
    torch.testing.assert_close(torch.cat([seen.extra, seen.tokens], 1), expected)


def test_a_masked_autoencoder_hides_nothing_and_keeps_its_patches_in_order(tmp_path: Path) -> None:
    config = ViTMAEConfig(**BODY, **SQUARE, mask_ratio=0.75)
    network = made(lambda: ViTMAEModel(config))
    folder = saved(network, ViTImageProcessorPil(size=SIZE), tmp_path)
    backbone = backbones.load(str(folder), layer="embeddings")
    pixels = backbone.preprocess(pictures())
    tokens = backbone.forward(pixels).tokens
    assert torch.equal(tokens, backbone.forward(pixels).tokens)
    embeddings: Any = network.embeddings
    places = embeddings.position_embeddings[:, 1:]
    torch.testing.assert_close(tokens, embeddings.patch_embeddings(pixels) + places)
    assert backbones.load(str(folder)).layer == "layernorm"


def test_a_model_with_another_grid_for_every_image_is_refused_by_name(tmp_path: Path) -> None:
    config = Siglip2VisionConfig(**BODY, patch_size=8, num_patches=16)
    folder = saved(made(lambda: Siglip2VisionModel(config)), CLIP, tmp_path)
    with pytest.raises(ValueError, match=r"NaFlex.*siglip2-base-patch16-224"):
        backbones.load(str(folder))


@pytest.mark.parametrize("channels", [1, 4])
def test_channels_that_an_image_has_not_are_named(channels: int, tmp_path: Path) -> None:
    config = ViTConfig(**BODY, **SQUARE, num_channels=channels)
    network = made(lambda: ViTForImageClassification(config))
    folder = saved(network, ViTImageProcessorPil(size=SIZE), tmp_path)
    with pytest.raises(ValueError, match=f"num_channels = {channels} .*red, green and blue"):
        backbones.load(str(folder))
