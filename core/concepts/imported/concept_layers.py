"""Concept layers of other programs: one affine score per concept, perhaps with a read-out.

* Post-hoc CBM (Yuksekgonul et al. 2023, arXiv 2205.15480): `vectors` (k d) and `intercepts` (k) of
  a concept bank; a score is the signed distance (v x + b) / |v|. `classifier.weight` (y k) and
  `classifier.bias` (y) read the classes off it.
* pytorch_concepts: the state of an encoder, concepts x features, and of a predictor, classes x
  concepts, under any prefix; or `cavs` (k d) of norm 1 and `bias` (k). A score is the encoder's
  logit. Encoders of one concept each stand below one another in the order of the file.

Names are `names` and `classes` of an .npz, lists in a safetensors file's metadata, or concepts.txt
and classes.txt beside the file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from core.concepts.imported.opening import Opened
from core.types import Head, Readout

_ENCODER = re.compile(r"(?:^|\.)encoder(?:\.0)?\.(weight|bias)$")
_PREDICTOR = re.compile(r"(?:^|\.)(?:predictor|classifier)(?:\.0)?\.(weight|bias)$")
_VECTORS = ("vectors", "cavs")
_INTERCEPTS = ("intercepts", "bias")
_NAMES = ("names", "concepts", "concept_names")
_CLASSES = ("classes", "class_names")


@dataclass(frozen=True)
class Layer:
    format: str
    """the program that wrote it, for people"""
    weight: Float64[np.ndarray, "k d"]
    bias: Float64[np.ndarray, " k"]
    names: tuple[str, ...]
    """of the concepts; empty: the file does not say"""
    readout: Readout | None


def layer_of(file: Opened) -> Layer | None:
    """None: the file holds no concept layer.

    Raises ValueError naming the file and what does not fit.
    """
    vectors = _last(file, _VECTORS)
    if vectors is not None:
        weight, bias = _distances(file, vectors)
        form = "a post-hoc CBM" if _last(file, _VECTORS[:1]) is not None else "pytorch_concepts"
    else:
        rows = _stacked(file, _ENCODER, "weight")
        if rows is None or _stacked(file, _PREDICTOR, "weight") is None:
            return None
        given = _stacked(file, _ENCODER, "bias")
        weight, bias = rows, torch.zeros(len(rows)) if given is None else given
        form = "pytorch_concepts"
    k = len(weight)
    if bias.numel() != k:
        raise ValueError(
            f"{file.file} has {k} concepts and {bias.numel()} biases; they must be as many"
        )
    names = _listed(file, _NAMES, "concepts.txt", k, "concepts")
    return Layer(form, _double(weight), _double(bias.reshape(k)), names, _readout(file, k))


def _distances(
    file: Opened, vectors: Float[Tensor, ...]
) -> tuple[Float[Tensor, "k d"], Float[Tensor, " k"]]:
    if vectors.ndim != 2:
        raise ValueError(
            f"{file.file}: the concepts' vectors have shape {tuple(vectors.shape)}; it must be "
            "concepts x features"
        )
    norm = vectors.norm(dim=1).clamp_min(1e-30)
    found = _last(file, _INTERCEPTS)
    bias = torch.zeros(len(vectors)) if found is None else found.reshape(-1)
    if len(bias) != len(vectors):
        raise ValueError(
            f"{file.file} has {len(vectors)} concepts and {len(bias)} intercepts; they must be as "
            "many"
        )
    return vectors / norm[:, None], bias / norm


def _readout(file: Opened, k: int) -> Readout | None:
    weight = _stacked(file, _PREDICTOR, "weight")
    if weight is None:
        return None
    bias = _stacked(file, _PREDICTOR, "bias")
    if weight.shape[1] != k:
        raise ValueError(
            f"{file.file}: its read-out has shape {tuple(weight.shape)}; it must be classes x {k} "
            "concepts"
        )
    y = len(weight)
    if bias is not None and bias.numel() != y:
        raise ValueError(f"{file.file}: its read-out has {y} rows and {bias.numel()} biases")
    classes = _listed(file, _CLASSES, "classes.txt", y, "classes")
    about = f"Read from {file.file.name}, trained elsewhere together with these concepts."
    if any("residual" in name for name in file.tensors):
        about += " The part of it that reads the plain features is left out."
    flat = np.zeros(y) if bias is None else _double(bias.reshape(y))
    return Readout(Head(_double(weight), flat), classes, about)


def _last(file: Opened, names: tuple[str, ...]) -> Float[Tensor, ...] | None:
    """The tensor of one of these names, under any prefix but an encoder's or a predictor's."""
    for name in names:
        for key, tensor in file.tensors.items():
            layer = _ENCODER.search(key) or _PREDICTOR.search(key)
            if key.rsplit(".", maxsplit=1)[-1] == name and not layer:
                return tensor.float()
    return None


def _stacked(file: Opened, pattern: re.Pattern[str], part: str) -> Float[Tensor, ...] | None:
    found = [
        t.float() for n, t in file.tensors.items() if (m := pattern.search(n)) and m[1] == part
    ]
    return torch.cat(found) if found else None


def _listed(file: Opened, keys: tuple[str, ...], beside: str, n: int, what: str) -> tuple[str, ...]:
    """Names from within the file, or a line each from a text beside it; empty: there are none."""
    found = next((file.texts[key] for key in keys if key in file.texts), ())
    for key in keys if not found else ():
        if key in file.notes:
            found = tuple(map(str, json.loads(file.notes[key])))
    listed = file.file.with_name(beside)
    if not found and listed.is_file():
        found = lines(listed)
    if found and len(found) != n:
        raise ValueError(f"{file.file} has {n} {what}, but {len(found)} names for them")
    return found


def lines(file: Path) -> tuple[str, ...]:
    """Raises ValueError for what is no text."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} must be a text of one name a line: {error}") from error
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _double(x: Float[Tensor, "*n"]) -> Float64[np.ndarray, "*n"]:
    return np.asarray(x.double().numpy())
