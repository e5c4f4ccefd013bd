"""A concept bottleneck that was trained elsewhere: its tensors and its list of concepts.

Those of post-hoc CBMs and of pytorch_concepts are files, see `concept_layers`. The released models
of Oikarinen et al. 2023 (arXiv 2304.06129) are folders with W_c (concepts x features), proj_mean
and proj_std of its outputs, W_g (classes x concepts), b_g, and concepts.txt. A score is
(W_c x - proj_mean) / proj_std, in standard deviations over the images it was trained on.
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
from core.concepts.imported.concept_layers import layer_of, lines
from core.concepts.imported.opening import opened
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
    """Read `path`: a file of a concept layer, or a folder of a label-free CBM with NAME.pt each, or
    with one .safetensors file of all tensors.

    W_g and b_g may be absent (together); classes.txt, one class a line in the order of W_g, names
    its rows. The features are this build's pooled activations, so backbone, layer and preprocessing
    have to be those of the training. Raises ValueError naming the file and what is wrong with it.
    """
    folder = Path(path).expanduser()
    if not path or not folder.exists():
        raise ValueError(
            f"imported_cbm needs path, a folder with W_c.pt, proj_mean.pt, proj_std.pt and "
            f"concepts.txt or a file of a concept layer, and {path or 'nothing'!r} is none"
        )
    if not is_label_free(folder):
        return _of_file(data, folder, n_concepts=n_concepts)
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
    names = lines(folder / "concepts.txt")
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


def is_label_free(path: Path) -> bool:
    """Whether the folder holds anything that a label-free CBM consists of."""
    if not path.is_dir():
        return False
    parts = {p.stem for p in path.iterdir()} & {*_LAYER, *_READOUT}
    return bool(parts) or ((path / "concepts.txt").is_file() and not opens(path))


def opens(path: Path) -> bool:
    """Whether a folder holds the file of a concept layer."""
    try:
        return layer_of(opened(path)) is not None
    except ValueError:
        return False


def has_readout(path: Path) -> bool:
    if is_label_free(path):
        return any(path.glob("W_g.*"))
    found = layer_of(opened(path))
    return found is not None and found.readout is not None


def _of_file(data: FitData, path: Path, *, n_concepts: int) -> Bank:
    file = opened(path)
    layer = layer_of(file)
    if layer is None:
        raise ValueError(
            f"{file.file} is no concept layer: it has {', '.join(sorted(file.tensors))}, and "
            "neither vectors nor an encoder with a predictor; see docs/import.md"
        )
    k, d = layer.weight.shape
    width = data.pooled.shape[1]
    if d != width:
        raise ValueError(
            f"{file.file} is a concept layer for {d} features, but this backbone's layer has "
            f"{width}; use the backbone and layer it was trained on"
        )
    if n_concepts not in (0, k):
        raise ValueError(f"{file.file} has {k} concepts; leave n_concepts out, or say {k}")
    if not (np.isfinite(layer.weight).all() and np.isfinite(layer.bias).all()):
        raise ValueError(f"{file.file} has values that are NaN or infinite")
    data.progress(f"{k} concepts of {layer.format}")
    return concept_layer.of(layer.weight, layer.bias, names=layer.names, readout=layer.readout)


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
    classes = lines(listed) if listed.exists() else ()
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
