"""Tiny, randomly initialised networks of every image family that the product is expected to meet.

A line is a model type of the library, after a comma a variant of it, with what makes it small: as
a classifier where the library has one, else as an encoder.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForImageClassification,
    PreTrainedModel,
)
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES

BODY = {
    "hidden_size": 12,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 20,
    "image_size": 32,
    "patch_size": 8,
}
_SMALL = {"depths": [1, 2], "hidden_sizes": [8, 12]}
_PYRAMID: dict[str, Any] = {
    "depths": [1, 1, 1, 2],
    "hidden_sizes": [8, 8, 12, 16],
    "num_attention_heads": [1, 1, 2, 2],
}
_TEXT = {
    "hidden_size": 12,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "vocab_size": 9,
    "max_position_embeddings": 5,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}
_WINDOWS = {
    "image_size": 32,
    "patch_size": 4,
    "embed_dim": 8,
    "depths": [1, 2],
    "num_heads": [2, 2],
    "window_size": 4,
}


class Family(NamedTuple):
    """One family: its settings, whether it classifies, and rows and columns in pixels."""

    settings: dict[str, Any]
    classifies: bool = True
    size: tuple[int, int] = (32, 32)


ZOO: dict[str, Family] = {
    "beit": Family(BODY | {"use_relative_position_bias": True}),
    "bit": Family(
        {"depths": [1, 2], "hidden_sizes": [16, 32], "embedding_size": 8, "num_groups": 2},
        size=(64, 64),
    ),
    "clip": Family({"text_config": _TEXT, "vision_config": BODY}),
    "clip_vision_model": Family(BODY, classifies=False),
    "convnext": Family(_SMALL | {"num_stages": 2}),
    "convnextv2": Family(_SMALL | {"num_stages": 2}),
    "cvt": Family(
        {"embed_dim": [8, 8, 12], "num_heads": [1, 1, 2], "depth": [1, 2, 3]}, size=(64, 64)
    ),
    "data2vec-vision": Family(BODY | {"use_absolute_position_embeddings": True}),
    "deit": Family(BODY),
    "dinov2": Family(BODY | {"mlp_ratio": 2}),
    "dinov2_with_registers": Family(BODY | {"mlp_ratio": 2, "num_register_tokens": 3}),
    "dinov3_convnext": Family(
        {"depths": [1, 1, 1, 2], "hidden_sizes": [8, 8, 8, 12]}, classifies=False, size=(64, 64)
    ),
    "dinov3_vit": Family(BODY | {"num_register_tokens": 2, "hidden_size": 16}, classifies=False),
    # the library's nearest to EVA-02: rotary positions and a gated MLP
    "dinov3_vit, gated": Family(
        BODY | {"hidden_size": 16, "use_gated_mlp": True}, classifies=False
    ),
    "donut-swin": Family(_WINDOWS),
    "efficientnet": Family(
        {"width_coefficient": 0.25, "depth_coefficient": 0.3, "hidden_dim": 320, "image_size": 64},
        size=(64, 64),
    ),
    "focalnet": Family(
        {
            "image_size": 32,
            "embed_dim": 8,
            "hidden_sizes": [8, 16],
            "depths": [1, 2],
            "focal_levels": [2, 2],
            "focal_windows": [3, 3],
        }
    ),
    "hgnet_v2": Family(
        {
            "stem_channels": [3, 4, 8],
            "embedding_size": 8,
            "hidden_sizes": [8, 8, 12, 16],
            "stage_in_channels": [8, 8, 8, 12],
            "stage_mid_channels": [4, 4, 4, 4],
            "stage_out_channels": [8, 8, 12, 16],
            "stage_num_blocks": [1, 1, 2, 1],
            "stage_numb_of_layers": [1, 1, 1, 1],
            "depths": [1, 1, 2, 1],
        },
        size=(64, 64),
    ),
    "hiera": Family(
        {
            "embed_dim": 8,
            "image_size": [64, 64],
            "depths": [1, 2, 2],
            "num_heads": [1, 1, 2],
            "num_query_pool": 2,
            "masked_unit_size": [4, 4],
            "masked_unit_attention": [True, False, False],
        },
        size=(64, 64),
    ),
    "ijepa": Family(BODY),
    "levit": Family(
        {
            "image_size": 64,
            "hidden_sizes": [16, 16, 24],
            "num_attention_heads": [2, 2, 2],
            "depths": [2, 2, 2],
            "key_dim": [4, 4, 4],
            "down_ops": [["Subsample", 4, 4, 4, 2, 2], ["Subsample", 4, 4, 4, 2, 2]],
        },
        size=(64, 64),
    ),
    "metaclip_2": Family({"text_config": _TEXT, "vision_config": BODY}),
    "mobilenet_v1": Family({"depth_multiplier": 0.1}, size=(64, 64)),
    "mobilenet_v2": Family({"depth_multiplier": 0.1}, size=(64, 64)),
    "mobilevit": Family(
        {
            "image_size": 64,
            "hidden_sizes": [8, 12, 16],
            "neck_hidden_sizes": [4, 8, 8, 12, 16, 16, 24],
            "num_attention_heads": 2,
        },
        size=(64, 64),
    ),
    "mobilevitv2": Family({"width_multiplier": 0.125}, size=(64, 64)),
    "poolformer": Family({"depths": [1, 1, 1, 2], "hidden_sizes": [8, 8, 12, 16]}, size=(64, 64)),
    "pvt": Family(_PYRAMID | {"image_size": 64}, size=(64, 64)),
    "pvt_v2": Family(_PYRAMID | {"image_size": 64}, size=(64, 64)),
    "regnet": Family(_SMALL | {"embedding_size": 8, "groups_width": 4}, size=(64, 64)),
    "resnet": Family(_SMALL | {"embedding_size": 8, "layer_type": "basic"}, size=(64, 64)),
    "segformer": Family(_PYRAMID, size=(64, 64)),
    "siglip": Family({"text_config": _TEXT, "vision_config": BODY}),
    "siglip_vision_model": Family(BODY, classifies=False),
    "swiftformer": Family({"depths": [1, 1, 1, 2], "embed_dims": [8, 8, 12, 16]}, size=(64, 64)),
    "swin": Family(_WINDOWS),
    "swinv2": Family(_WINDOWS),
    "textnet": Family({"stem_out_channels": 8, "hidden_sizes": [8, 8, 8, 12, 16]}, size=(64, 64)),
    "vit": Family(BODY),
    "vit_msn": Family(BODY),
    "aimv2_vision_model": Family(BODY, classifies=False),
    "mlcd_vision_model": Family(BODY | {"hidden_size": 16}, classifies=False),
    "pixio": Family(BODY, classifies=False),
    "tipsv2_vision_model": Family(BODY, classifies=False),
    "vit_mae": Family(
        BODY
        | {
            "decoder_hidden_size": 12,
            "decoder_num_hidden_layers": 1,
            "decoder_num_attention_heads": 2,
        },
        classifies=False,
    ),
    "vitdet": Family(BODY | {"mlp_ratio": 2, "pretrain_image_size": 32}, classifies=False),
    "yolos": Family(BODY | {"image_size": [32, 32], "num_detection_tokens": 4}, classifies=False),
    "dpt": Family(
        BODY | {"backbone_out_indices": [0, 1, 2], "neck_hidden_sizes": [8, 8, 8]},
        classifies=False,
    ),
    "glpn": Family(_PYRAMID, classifies=False, size=(64, 64)),
}


def network(family: str, *, seed: int = 0) -> PreTrainedModel:
    """In evaluation mode, with weights large enough that its tokens follow the image."""
    settings, classifies, _ = ZOO[family]
    family = family.partition(",")[0]
    labels = {"id2label": {i: f"class {i}" for i in range(4)}} if classifies else {}
    config = AutoConfig.for_model(family, **settings, **labels)
    loader = AutoModelForImageClassification if classifies else AutoModel
    if classifies:
        names = MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES[family]
        config.architectures = [names if isinstance(names, str) else names[0]]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        made = loader.from_config(config)
        for parameter in made.parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.2)
    return made.eval().requires_grad_(False)
