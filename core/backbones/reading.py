"""Making a network of a checkpoint, with a sentence for whatever is wrong with its files."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers import logging as transformers_logging
from transformers.activations import ACT2FN
from transformers.utils import cached_file

from core.backbones import weight_files

_SHOWN = 3
"""tensors in a message"""
_LONGEST = 300
"""characters of what a library says"""
_TIMES, _SMALL = 4, 10_000_000
"""how many times the numbers in the weights, and how many more, the settings may ask for"""
_BELONG = "Use the checkpoint that belongs to this config.json"


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


def read_config(source: str, who: str) -> PreTrainedConfig:
    """`source` is a folder or a hub name; `who` names the model in messages.

    Raises ConnectionError for a hub name that cannot be fetched, FileNotFoundError for a folder
    that lacks a file, ValueError for files that are not a checkpoint that this program can open.
    """
    local = Path(source).is_dir()
    if local:
        weight_files.check_folder(Path(source))
    try:
        config = AutoConfig.from_pretrained(source, trust_remote_code=False)
        index = None if local else cached_file(source, weight_files.INDEX, **_IF_THERE)
    except OSError as error:
        raise ConnectionError(
            f"{who} is not a directory here and could not be fetched from the hub. "
            "Check the name and the network, or download it and give the directory. "
            f"({str(error).splitlines()[0]})"
        ) from error
    except Exception as error:
        raise ValueError(
            f"the config.json of {who} cannot be read as a transformers model: {_line(error)}"
        ) from error
    if index is not None:
        weight_files.named_in(Path(index))
    _check_settings(config, who)
    return config


_IF_THERE: dict[str, Any] = {
    "_raise_exceptions_for_gated_repo": False,
    "_raise_exceptions_for_missing_entries": False,
    "_raise_exceptions_for_connection_errors": False,
}


def read_weights(loader: Any, source: str, who: str, **options: Any) -> PreTrainedModel:
    """In float32, from safetensors alone, every tensor read from a file and finite.

    Raises ConnectionError for a hub name whose weights cannot be fetched, ValueError for weights
    that do not fit their config.json, which would be random.
    """
    _refuse_larger(loader, source, who, **options)
    try:
        with quiet():
            network, report = loader.from_pretrained(
                source,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
                local_files_only=Path(source).is_dir(),
                **options,
            )
    except OSError as error:
        raise ConnectionError(f"no safetensors weights could be read for {who}: {error}") from error
    except Exception as error:
        reason = _line(error)
        if "mismatched" in reason:
            reason = _differing(_asked(loader, source, **options), _held(source))
        raise ValueError(
            f"the weights of {who} do not fit its config.json: {reason}. {_BELONG}"
        ) from error
    _check_complete(report, network, who)
    return network


def _refuse_larger(loader: Any, source: str, who: str, **options: Any) -> None:
    """Before memory is taken for what the weights do not hold, and the settings ask for."""
    asked, held = _asked(loader, source, **options), _held(source)
    n_asked = sum(tensor.numel() for tensor in asked.values())
    n_held = sum(math.prod(shape) for shape in held.values())
    if held and n_asked > _TIMES * n_held + _SMALL:
        raise ValueError(
            f"the config.json of {who} asks for a network of {n_asked:,} numbers, and its weights "
            f"hold {n_held:,} ({_differing(asked, held)}). {_BELONG}"
        )


def _asked(loader: Any, source: str, **options: Any) -> dict[str, Tensor]:
    """By name, what the settings ask for, without memory; empty where they cannot be followed."""
    try:
        config = options.get("config") or AutoConfig.from_pretrained(source)
        make = getattr(loader, "from_config", None) or loader._from_config  # noqa: SLF001
        with quiet(), torch.device("meta"):
            network: PreTrainedModel = make(config)
    except Exception:  # opening it in earnest says why
        return {}
    return network.state_dict()


def _held(source: str) -> dict[str, list[int]]:
    """By name, the shapes in the weights of a folder; empty for a hub name."""
    path = Path(source)
    return weight_files.shapes(weight_files.weight_files(path)) if path.is_dir() else {}


def _differing(asked: dict[str, Tensor], held: dict[str, list[int]]) -> str:
    """The tensors that are called alike and have another size."""
    other = [
        f"{name} is {_times(held[name])} in the file and should be {_times(tensor.shape)}"
        for name, tensor in asked.items()
        if name in held and tuple(held[name]) != tuple(tensor.shape)
    ]
    more = f" and {len(other) - _SHOWN} more" if len(other) > _SHOWN else ""
    return "; ".join(other[:_SHOWN]) + more or "its tensors have other sizes or other names"


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "one number"


def _check_settings(config: PreTrainedConfig, who: str) -> None:
    settings = config.to_dict()
    if settings.get("quantization_config"):
        raise ValueError(
            f"the weights of {who} are quantised (quantization_config in its config.json); save "
            "the model once in full precision with save_pretrained"
        )
    parts = [settings, *(value for value in settings.values() if isinstance(value, dict))]
    for key, value in (pair for part in parts for pair in part.items()):
        if str(key).endswith("_act") and isinstance(value, str) and value not in ACT2FN:
            raise ValueError(
                f"the config.json of {who} names the activation {value!r} ({key}), which "
                f"transformers does not know; known: {', '.join(ACT2FN)}"
            )


def _check_complete(report: dict[str, Any], network: PreTrainedModel, who: str) -> None:
    absent = sorted(report["missing_keys"])
    if absent:
        raise ValueError(
            f"the weights of {who} lack {len(absent)} tensors that its config.json asks for "
            f"({', '.join(absent[:_SHOWN])}); they would be random. {_BELONG}"
        )
    held = dict(network.named_parameters())
    kinds = {_kind(name) for name in held}
    more = sorted(name for name in report["unexpected_keys"] if _kind(name) in kinds - {""})
    if more:
        raise ValueError(
            f"the weights of {who} hold {len(more)} tensors of layers that its config.json does "
            f"not ask for ({', '.join(more[:_SHOWN])}); the model would be cut short. {_BELONG}"
        )
    bad = [name for name, tensor in held.items() if not torch.isfinite(tensor).all()]
    if bad:
        raise ValueError(
            f"the weights of {who} hold numbers that are not finite, in {len(bad)} tensors "
            f"({', '.join(bad[:_SHOWN])}); copy or download them once more"
        )


def _kind(name: str) -> str:
    """The name without the numbers of layers; "" for one that has none."""
    kind, n = re.subn(r"\.\d+\.", ".#.", name)
    return kind if n else ""


def _line(error: Exception) -> str:
    said = " ".join(str(error).split()).rstrip(".")[:_LONGEST]
    return said if " " in said else f"{type(error).__name__} {said}"
