"""A label-free concept bottleneck that was trained elsewhere: its tensors and its list of concepts.

The released models of Oikarinen et al. 2023 (arXiv 2304.06129) are folders with W_c (concepts x
features), proj_mean and proj_std of its outputs, W_g (classes x concepts), b_g, and concepts.txt. A
score is (W_c x - proj_mean) / proj_std, in standard deviations over the images it was trained on.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float64
from safetensors import SafetensorError
from safetensors.torch import load_file

from core.concepts.common import concept_layer
from core.concepts.common.concept_layer import Bank
from core.types import FitData, Head, Readout

__all__ = ["Bank", "fit"]

_LAYER = ("W_c", "proj_mean", "proj_std")
_READOUT = ("W_g", "b_g")


def fit(
    data: FitData,
    *,
    n_concepts: int = 0,
    seed: int = 0,  # noqa: ARG001
    path: str = "",
) -> Bank:
    """Read the folder `path`: NAME.pt each, or one .safetensors file of all tensors.

    W_g and b_g may be absent (together); classes.txt, one class a line in the order of W_g, names
    its rows. The features are this build's pooled activations, so backbone, layer and preprocessing
    have to be those of the training. Raises ValueError naming the file and what is wrong with it.
    """
    folder = Path(path).expanduser()
    if not path or not folder.is_dir():
        raise ValueError(
            f"imported_cbm needs path, a folder with W_c.pt, proj_mean.pt, proj_std.pt and "
            f"concepts.txt, and {path or 'nothing'!r} is none"
        )
    found = _tensors(folder)
    missing = [name for name in _LAYER if name not in found]
    if missing:
        raise ValueError(
            f"{folder} lacks {', '.join(missing)}; it has {', '.join(sorted(found)) or 'no tensor'}"
        )
    width = data.pooled.shape[1]
    w_c = found["W_c"]
    if w_c.ndim != 2 or w_c.shape[1] != width:
        raise ValueError(
            f"{folder}: W_c has shape {w_c.shape}, but this backbone's layer has {width} features, "
            f"so it must be concepts x {width}; use the backbone and layer it was trained on"
        )
    k = len(w_c)
    if n_concepts and n_concepts != k:
        raise ValueError(f"{folder} has {k} concepts; leave n_concepts out, or say {k}")
    names = _lines(folder / "concepts.txt")
    if len(names) != k:
        raise ValueError(f"{folder}: concepts.txt names {len(names)} concepts, W_c has {k} rows")
    mean, spread = (_vector(found, name, k, folder) for name in ("proj_mean", "proj_std"))
    if not (spread > 0).all():
        raise ValueError(
            f"{folder}: proj_std of {int((spread <= 0).sum())} concepts is 0 or less; a standard "
            "deviation is above 0"
        )
    data.progress(f"{k} concepts read from {folder.name}")
    readout = _readout(found, folder, k)
    return concept_layer.of(w_c / spread[:, None], -mean / spread, names=names, readout=readout)


def is_one(path: Path) -> bool:
    """Whether the folder holds the layer of a bottleneck."""
    return path.is_dir() and any(path.glob("W_c.*"))


def has_readout(folder: Path) -> bool:
    return any(folder.glob("W_g.*"))


def _readout(found: dict[str, Float64[np.ndarray, ...]], folder: Path, k: int) -> Readout | None:
    given = [name for name in _READOUT if name in found]
    if not given:
        return None
    if len(given) == 1:
        raise ValueError(f"{folder} has {given[0]} only; W_g and b_g belong together")
    w_g = found["W_g"]
    if w_g.ndim != 2 or w_g.shape[1] != k:
        raise ValueError(f"{folder}: W_g has shape {w_g.shape}; it must be classes x {k} concepts")
    b_g = _vector(found, "b_g", len(w_g), folder)
    listed = folder / "classes.txt"
    classes = _lines(listed) if listed.exists() else ()
    if classes and len(classes) != len(w_g):
        raise ValueError(f"{listed} names {len(classes)} classes, W_g has {len(w_g)} rows")
    about = f"Read from {folder.name}, trained elsewhere together with these concepts."
    return Readout(Head(w_g, b_g), classes, about)


def _tensors(folder: Path) -> dict[str, Float64[np.ndarray, ...]]:
    out = {}
    for file in sorted([*folder.glob("*.safetensors"), *folder.glob("*.pt")]):
        if file.suffix == ".pt" and file.stem not in (*_LAYER, *_READOUT):
            continue
        try:
            if file.suffix == ".pt":
                read = {file.stem: torch.load(file, map_location="cpu", weights_only=True)}
            else:
                read = load_file(file)
        except (OSError, RuntimeError, EOFError, SafetensorError, pickle.UnpicklingError) as error:
            raise ValueError(f"{file} cannot be read as tensors: {error}") from error
        for name, value in read.items():
            if not isinstance(value, torch.Tensor):
                raise ValueError(f"{file} holds a {type(value).__name__}, not a tensor")
            out[name] = value.detach().double().numpy()
            if not np.isfinite(out[name]).all():
                raise ValueError(f"{file}: {name} has values that are NaN or infinite")
    return out


def _vector(
    found: dict[str, Float64[np.ndarray, ...]], name: str, n: int, folder: Path
) -> Float64[np.ndarray, " n"]:
    value = found[name]
    if value.size != n:
        raise ValueError(f"{folder}: {name} has shape {value.shape}; it must hold {n} numbers")
    return value.reshape(n)


def _lines(file: Path) -> tuple[str, ...]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} must be a text of one name a line: {error}") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())
