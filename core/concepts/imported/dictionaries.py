"""Directions without an encoder, and the autoencoder that names its own latents.

* An array of directions alone: codes are non-negative least squares where no entry is negative (as
  for the parts that NMF finds), else what lies along each direction; orthonormal ones, such as
  principal components, also rebuild the token.
* `sparse_autoencoder`, as Discover-then-Name (DN-CBM; Rao et al. 2024, arXiv 2407.14499) trains it:
  one bias is subtracted first and added last. `concept_names.csv` beside it names the latents, and
  a file on_concepts_*.pt holds a linear read-out of classes without a bias.
"""

from __future__ import annotations

import csv
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.imported.foreign import Asked, Foreign, lacking, matrix, vector
from core.concepts.imported.opening import Opened, opened
from core.concepts.imported.promise import promised
from core.types import Head, Readout

_MATRIX = ("dictionary", "directions", "components", "components_", "D", "W_dec", "atoms", "")
_MEAN = ("mean", "mean_", "offset", "b_dec")
_UNIT = 1e-3
"""how far from orthonormal directions may be that were saved in single precision"""


def is_alone(file: Opened) -> bool:
    encoded = any(name.startswith(("W_enc", "encoder")) for name in file.tensors)
    return not encoded and bool(_matrices(file))


def alone(file: Opened, asked: Asked) -> Foreign:
    """Raises ValueError for several matrices, and for a rule that needs an encoder."""
    found = _matrices(file)
    if len(found) > 1:
        raise ValueError(
            f"{file.file} has several matrices ({', '.join(found)}) and no encoder; keep the one "
            "whose rows are directions"
        )
    rows = file.tensors[found[0]].float()
    d = rows.shape[1]
    mean = next((vector(file, n, d) for n in _MEAN if n in file.tensors), torch.zeros(d)).float()
    unit = torch.nn.functional.normalize(rows, dim=1)
    known = ("nnls", "projection", "coordinates")
    if asked.rule and asked.rule not in known:
        raise ValueError(
            f"{file.file} holds directions without an encoder, so rule {asked.rule!r} has nothing "
            f"to act on; known: {', '.join(known)}"
        )
    return Foreign(
        "an array of directions",
        unit,
        torch.zeros(len(rows)),
        unit,
        mean,
        asked.rule or _rule_of(unit),
        promise=promised(file),
    )


def _matrices(file: Opened) -> list[str]:
    named = [n for n in _MATRIX if n in file.tensors and file.tensors[n].ndim == 2]
    return named[:1] or [n for n, t in file.tensors.items() if t.ndim == 2]


def _rule_of(unit: Float[Tensor, "k d"]) -> str:
    if bool((unit >= 0).all()):
        return "nnls"
    away = (unit @ unit.T - torch.eye(len(unit))).abs().max()
    return "coordinates" if float(away) < _UNIT else "projection"


def is_tied(file: Opened) -> bool:
    return "tied_bias" in file.tensors


def tied(file: Opened, asked: Asked) -> Foreign:  # noqa: ARG001
    """Raises ValueError for weights of several layers of a model at once."""
    lacking(file, ("encoder.weight", "encoder.bias", "decoder.weight"), "a sparse_autoencoder")
    one = {}
    for name, tensor in file.tensors.items():
        several = tensor.ndim == (3 if name.endswith("weight") else 2)
        if several and len(tensor) != 1:
            raise ValueError(
                f"{file.file}: {name} is of {len(tensor)} places of a model; save the tensors of "
                "one, without their first axis"
            )
        one[name] = tensor[0] if several else tensor
    single = Opened(file.file, one)
    k, d = one["encoder.bias"].numel(), one["tied_bias"].numel()
    names = _names(file.file.with_name("concept_names.csv"), k)
    return Foreign(
        "sparse_autoencoder (DN-CBM)",
        matrix(single, "encoder.weight", (k, d)),
        vector(single, "encoder.bias", k),
        matrix(single, "decoder.weight", (k, d), turned=True),
        vector(single, "tied_bias", d),
        promise=promised(file),
        names=names,
        readout=_readout(file.file, k),
    )


def _names(listed: Path, k: int) -> tuple[str, ...]:
    """Of the latents, in a table of number and name without a header; empty: it is not there."""
    if not listed.is_file():
        return ()
    with listed.open(encoding="utf-8", newline="") as file:
        rows = {row[0]: ",".join(row[1:]).strip() for row in csv.reader(file) if row}
    names = tuple(rows.get(str(i), "") for i in range(k))
    if not all(names) or len(rows) != k:
        raise ValueError(
            f"{listed} must name latents 0 to {k - 1}, one a line (number,name); it has {len(rows)}"
        )
    return names


def _readout(weights: Path, k: int) -> Readout | None:
    heads = sorted(weights.parent.glob("on_concepts*.pt"))
    if not heads:
        return None
    head = opened(heads[-1])
    lacking(head, ("weight",), "a read-out of DN-CBM")
    weight = head.tensors["weight"]
    if weight.ndim != 2 or weight.shape[1] != k:
        raise ValueError(
            f"{head.file}: weight has shape {tuple(weight.shape)}; it must be classes x {k} latents"
        )
    listed = weights.with_name("classes.txt")
    classes = tuple(
        line.strip()
        for line in (listed.read_text(encoding="utf-8") if listed.is_file() else "").splitlines()
        if line.strip()
    )
    if classes and len(classes) != len(weight):
        raise ValueError(f"{listed} names {len(classes)} classes, {head.file} has {len(weight)}")
    about = f"Read from {head.file.name}, trained elsewhere on these latents."
    rows = weight.double().numpy()
    return Readout(Head(rows, torch.zeros(len(rows)).double().numpy()), classes, about)
