"""Files of weights: opened without running anything that they hold.

Read are safetensors, NumPy's .npy and .npz, and PyTorch's files of tensors alone. A pickle is
refused, since opening one runs what it says.
"""

from __future__ import annotations

import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

WEIGHTS = (".safetensors", ".pt", ".pth", ".ckpt", ".bin", ".npz", ".npy")
PICKLES = (".pkl", ".pickle", ".joblib", ".gz")
_TORCH = (".pt", ".pth", ".ckpt", ".bin")
_STATISTICS = {
    "sparsity",
    "ctx",
    "activations_store_state",
    "trainer_state",
    "optimizer",
    "scheduler",
    "training_args",
}
"""stems of files that training leaves beside the weights"""
_USUAL = ("sae_weights", "ae", "sae", "weights", "model", "sparse_autoencoder_final")
_SETTINGS = ("sae.json", "cfg.json", "config.json")
_PREFIXES = ("_orig_mod.", "module.")
_STATES = ("state_dict", "model_state_dict", "model", "autoencoder")
"""names under which a checkpoint holds its tensors"""


class _Settings:
    """Stands in for a class of settings that a file names; it only holds what it is given."""


_STAND_INS = (
    "vit_prisma.sae.config.VisionModelSAERunnerConfig",
    "vit_prisma.configs.HookedViTConfig.HookedViTConfig",
)
"""classes of settings that Prisma writes into its checkpoints, none of which is imported"""


@dataclass(frozen=True)
class Opened:
    """A file of weights and the settings beside it."""

    file: Path
    tensors: dict[str, Tensor]
    """in single precision; whole numbers as they are"""
    notes: dict[str, str] = field(default_factory=dict)
    """what a safetensors file says in its metadata"""
    header: dict[str, Any] = field(default_factory=dict)
    """JSON before, or settings within, the weights"""
    facts: dict[str, Any] = field(default_factory=dict)
    """of the JSON beside it"""
    beside: Path | None = None
    """that JSON"""
    texts: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """lists of names, from an .npz"""


def opened(path: Path) -> Opened:
    """Raises ValueError naming the file and what is wrong with it, and how to convert a pickle."""
    file = weights_in(path)
    beside = next((p for n in _SETTINGS if (p := file.with_name(n)).is_file()), None)
    facts = settings(beside) if beside else {}
    found = _read(file)
    whole = {
        name: t if not t.is_floating_point() else t.float() for name, t in found.tensors.items()
    }
    return Opened(file, whole, found.notes, found.header, facts, beside, found.texts)


def weights_in(path: Path) -> Path:
    """The file of weights that `path` is, or that the folder holds."""
    if path.is_dir():
        files = [p for p in sorted(path.iterdir()) if p.suffix in WEIGHTS and p.is_file()]
        files = [p for p in files if p.stem not in _STATISTICS]
        for stem in _USUAL if len(files) > 1 else ():
            named = [p for p in files if p.stem == stem]
            files = named or files
            if named:
                break
        if len(files) != 1:
            inner = sorted(p.name for p in path.iterdir() if p.is_dir())
            listed = ", ".join(p.name for p in files) or "none"
            also = f", and the folders {', '.join(inner[:9])}" if inner else ""
            raise ValueError(
                f"{path} must hold one file of weights ({', '.join(WEIGHTS)}); it has {listed}"
                f"{also}; name the file, or the folder that holds one"
            )
        path = files[0]
    if not path.is_file():
        raise ValueError(f"{path} does not exist; name a file of weights or its folder")
    return path


def settings(beside: Path) -> dict[str, Any]:
    """Raises ValueError for what is no JSON object."""
    try:
        facts = json.loads(beside.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{beside} is not valid JSON: {error}") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{beside} must hold one JSON object")
    return facts


def _read(file: Path) -> Opened:
    if file.suffix in PICKLES:
        raise ValueError(_refusal(file))
    if file.suffix == ".safetensors":
        try:
            with safe_open(file, "pt") as handle:
                notes = dict(handle.metadata() or {})
            return Opened(file, load_file(file), notes)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{file} is no safetensors file: {error}") from error
    if file.suffix in (".npy", ".npz"):
        return _arrays(file)
    if file.suffix in _TORCH:
        return _checkpoint(file)
    raise ValueError(
        f"{file} is no file of weights; read are {', '.join(WEIGHTS)}, or a folder with one"
    )


def _arrays(file: Path) -> Opened:
    try:
        read = np.load(file, allow_pickle=False)
        arrays = {"": read} if isinstance(read, np.ndarray) else dict(read)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{file} cannot be read as arrays of numbers: {error}. {_refusal(file)}"
        ) from error
    texts = {n: tuple(map(str, a.ravel())) for n, a in arrays.items() if a.dtype.kind == "U"}
    numbers = {n: a for n, a in arrays.items() if a.dtype.kind in "fiub"}
    return Opened(file, {n: torch.from_numpy(np.array(a)) for n, a in numbers.items()}, texts=texts)


def _checkpoint(file: Path) -> Opened:
    """PyTorch's file, perhaps behind a line of JSON, as saev writes it."""
    data = file.read_bytes()
    header: dict[str, Any] = {}
    if data[:1] == b"{":
        line, _, data = data.partition(b"\n")
        try:
            header = json.loads(line)
        except ValueError as error:
            raise ValueError(f"{file}: its first line is not valid JSON: {error}") from error
    stand_ins: list[Any] = [(type("Settings", (_Settings,), {}), name) for name in _STAND_INS]
    try:
        with torch.serialization.safe_globals(stand_ins):
            read = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).split("\n", maxsplit=1)[0]
        raise ValueError(
            f"{file} cannot be read as tensors alone: {reason}. {_refusal(file)}"
        ) from error
    if isinstance(read, Tensor):
        return Opened(file, {"": read.detach()}, header=header)
    if isinstance(read, Mapping):
        for name in ("cfg", "config"):
            said = read.get(name)
            header |= dict(vars(said)) if isinstance(said, _Settings) else {}
            header |= said if isinstance(said, dict) else {}
    tensors = _tensors(read)
    if not tensors:
        raise ValueError(f"{file} holds no tensors, but a {type(read).__name__}. {_refusal(file)}")
    return Opened(file, tensors, header=header)


def _tensors(read: object) -> dict[str, Tensor]:
    if not isinstance(read, Mapping):
        return {}
    found = {str(n): v.detach() for n, v in read.items() if isinstance(v, Tensor)}
    for name in () if found else _STATES:
        found = _tensors(read.get(name))
        if found:
            return found
    for prefix in _PREFIXES:
        found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    return found


def _refusal(file: Path) -> str:
    return (
        f"A pickle runs code when it is opened, so {file.name} is not. Where it was made, save its "
        "tensors alone: torch.save(model.state_dict(), 'weights.pt'), or for arrays and their "
        "names np.savez('bank.npz', vectors=..., intercepts=..., names=...)"
    )
