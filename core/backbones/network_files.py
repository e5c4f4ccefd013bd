"""Opening a Hugging Face image model: which class reads it, and what can be wrong with it."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForImageClassification,
    CLIPVisionModel,
    CLIPVisionModelWithProjection,
    PreTrainedConfig,
    PreTrainedModel,
    SiglipVisionModel,
)
from transformers import logging as transformers_logging
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES,
    MODEL_FOR_IMAGE_MAPPING_NAMES,
)

# Models of images and text: only the part that sees the image is loaded.
VISION_TOWERS: dict[str, type[PreTrainedModel]] = {
    "clip": CLIPVisionModelWithProjection,
    "clip_vision_model": CLIPVisionModel,
    "siglip": SiglipVisionModel,
    "siglip_vision_model": SiglipVisionModel,
}


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
    if local:
        check_files(Path(source))
    config = _config(source, model)
    architecture = (config.architectures or [""])[0]
    classifies = "ForImageClassification" in architecture
    _check_image_model(config, model=model, architecture=architecture)
    loader = AutoModelForImageClassification if classifies else _feature_class(config, architecture)
    options: dict[str, Any] = {}
    if not classifies and _has_pooler(config):
        options["add_pooling_layer"] = False  # unused here, and absent from some checkpoints
    if config.model_type == "clip":
        # the projection's size is told for the whole model, and by some for its parts as well
        options["config"] = config.vision_config
        options["config"].projection_dim = config.projection_dim
    try:
        with quiet():
            network, report = loader.from_pretrained(
                source,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
                **options,
            )
    except OSError as error:
        raise ConnectionError(
            f"no safetensors weights could be read for backbone {model!r}: {error}"
        ) from error
    _check_complete(report, model)
    network.eval().requires_grad_(False).to(device)
    if not classifies:
        return Opened(network, ())
    names = {int(index): str(name) for index, name in (config.id2label or {}).items()}
    return Opened(network, tuple(names[index] for index in sorted(names)))


@contextmanager
def quiet() -> Iterator[None]:
    """Without the library's bar and its table of unused (text) weights; missing ones raise here."""
    verbosity = transformers_logging.get_verbosity()
    bar = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if bar:
            transformers_logging.enable_progress_bar()


def check_files(path: Path) -> None:
    if not (path / "config.json").is_file():
        raise FileNotFoundError(
            f"{path} has no config.json, so it is not a Hugging Face model directory; save the "
            "model with save_pretrained"
        )
    if any(path.glob("*.safetensors")):
        return
    pickles = sorted(file.name for pattern in ("*.bin", "*.pt*") for file in path.glob(pattern))
    if pickles:
        raise ValueError(
            f"{path} has its weights only as a pickle ({pickles[0]}); safetensors are required, "
            "because loading a pickle can run code. Load it once where you trust it and call "
            "model.save_pretrained(directory), which writes model.safetensors"
        )
    raise FileNotFoundError(
        f"{path} has a config.json but no weights; put model.safetensors beside it"
    )


def _config(source: str, model: str) -> PreTrainedConfig:
    try:
        return AutoConfig.from_pretrained(source, trust_remote_code=False)
    except OSError as error:
        raise ConnectionError(
            f"backbone {model!r} is not a directory here and could not be fetched from the hub. "
            "Check the name and the network, or download it and give the directory. "
            f"({str(error).splitlines()[0]})"
        ) from error
    except (ValueError, KeyError) as error:
        raise ValueError(
            f"the config.json of backbone {model!r} cannot be read as a transformers model: {error}"
        ) from error


def _check_image_model(config: PreTrainedConfig, *, model: str, architecture: str) -> None:
    kind = config.model_type
    known = kind in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES or (
        kind in MODEL_FOR_IMAGE_MAPPING_NAMES or kind in VISION_TOWERS
    )
    if not known:
        raise ValueError(
            f"backbone {model!r} is a {kind!r} model ({architecture or 'no architecture named'}), "
            "which does not read images alone; use an image model such as ViT, DINOv2, CLIP, "
            "SigLIP, Swin, ResNet, ConvNeXt or MobileNetV2"
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


def _check_complete(report: dict[str, Any], model: str) -> None:
    absent = sorted(report["missing_keys"]) + [str(key) for key in report["mismatched_keys"]]
    if absent:
        raise ValueError(
            f"the weights of backbone {model!r} lack {len(absent)} tensors that its config.json "
            f"asks for ({', '.join(absent[:3])}); they would be random. Use the checkpoint that "
            "belongs to this config.json"
        )
