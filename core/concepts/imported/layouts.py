"""Files of programs that name and arrange their weights in ways of their own.

saev, dictionary_learning, overcomplete and ViSAEBench; a program is told by the names of its
tensors and of its settings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.imported.foreign import Asked, Foreign, counted, lacking, matrix, vector
from core.concepts.imported.opening import Opened
from core.concepts.imported.promise import promised

_BATCH_NORM_EPS = 1e-5
"""PyTorch's, which a file does not state"""
_UNIT = 0.05
"""norms within this of 1 are those of unit rows, a training step later"""
_RUNNING = ("_running_threshold", "running_threshold")


def _threshold(value: float, k: int) -> Float[Tensor, " k"]:
    return torch.full((k,), max(0.0, value))


# -- saev: a line of JSON, then the tensors -------------------------------------------------------


def _saev(file: Opened, asked: Asked) -> Foreign:
    """Nothing is subtracted first; its TopK has no ReLU, so codes can be negative."""
    lacking(file, _PLAIN, "a file of saev")
    cfg: dict[str, Any] = file.header.get("cfg", file.header)
    activation = cfg.get("activation") or {}
    kind = str(activation.get("cls") or file.header.get("cls") or "Relu")
    k, d = file.tensors["b_enc"].numel(), file.tensors["b_dec"].numel()
    said = int((activation.get("params") or cfg).get("top_k", 0) or 0)
    known = {"TopK": "topk_signed", "BatchTopK": "topk_signed", "Relu": "relu"}
    rule = known.get(kind, "relu" if kind.endswith("Config") else "")
    if not rule:
        raise ValueError(
            f"{file.file}: activation {kind!r} of saev is not read; known: {', '.join(known)}"
        )
    limit = counted(file, asked, said, k) if rule == "topk_signed" else None
    return Foreign(
        "saev",
        matrix(file, "W_enc", (k, d), turned=True),
        vector(file, "b_enc", k),
        matrix(file, "W_dec", (k, d)),
        vector(file, "b_dec", d),
        rule,
        limit,
        centred=False,
        promise=promised(file, None if limit is None else float(limit[0])),
    )


# -- dictionary_learning: ae.pt and config.json ---------------------------------------------------


def _trainer(file: Opened) -> dict[str, Any]:
    found = file.facts.get("trainer", file.facts)
    return found if isinstance(found, dict) else {}


def _class_of(file: Opened) -> str:
    """Which of the project's classes the tensors are of; "": none."""
    said = str(_trainer(file).get("dict_class", ""))
    if said:
        return said
    has = set(file.tensors)
    if "group_sizes" in has:
        return "MatryoshkaBatchTopKSAE"
    if {"gate_bias", "mag_bias"} <= has:
        return "GatedAutoEncoder"
    if {"encoder.weight", "bias"} <= has:
        return "AutoEncoder"
    return "AutoEncoderTopK" if {"encoder.weight", "b_dec", "k"} <= has else ""


def _dictionary_learning(file: Opened, asked: Asked) -> Foreign:
    kind, tensors = _class_of(file), file.tensors
    if kind not in _CLASSES:
        raise ValueError(
            f"{file.file}: dictionary_learning's class {kind!r} is not read; known: "
            f"{', '.join(_CLASSES)}"
        )
    if kind == "AutoEncoderTopK" and not _trainer(file).get("dict_class"):
        kind = _ALIKE.get(asked.rule, "")
        if not kind:
            raise ValueError(
                f"{file.file} is a TopK or a BatchTopK autoencoder of dictionary_learning, whose "
                "tensors are alike; put its config.json beside it, or say in the bank's params "
                'rule = "topk" or rule = "threshold"'
            )
    named, rule, centred = _CLASSES[kind]
    lacking(file, named, f"dictionary_learning's {kind}")
    encoder, bias, decoder, offset = named[:4]
    k, d = tensors[bias].numel(), tensors[offset].numel()
    linear = encoder == "encoder.weight"
    limit, kept = None, int(tensors["k"]) if "k" in tensors else int(_trainer(file).get("k") or 0)
    if rule == "topk":
        limit = counted(file, asked, kept, k)
    elif rule == "threshold":
        limit = _threshold(float(tensors["threshold"]), k)
    elif rule == "jumprelu":
        limit = vector(file, "threshold", k)
    gated = rule == "gated"
    return Foreign(
        f"dictionary_learning {kind}",
        matrix(file, encoder, (k, d), turned=not linear),
        vector(file, bias, k),
        matrix(file, decoder, (k, d), turned=linear),
        vector(file, offset, d),
        rule,
        limit,
        centred=centred,
        magnitude=vector(file, "r_mag", k).exp() if gated else None,
        magnitude_bias=vector(file, "mag_bias", k) if gated else None,
        promise=promised(file, float(kept) if kept else None),
    )


_ALIKE = {"topk": "AutoEncoderTopK", "threshold": "BatchTopKSAE"}
_LINEAR = ("encoder.weight", "encoder.bias", "decoder.weight")
_PLAIN = ("W_enc", "b_enc", "W_dec", "b_dec")
_CLASSES: dict[str, tuple[tuple[str, ...], str, bool]] = {
    "AutoEncoder": ((*_LINEAR, "bias"), "relu", True),
    "AutoEncoderNew": ((*_LINEAR, "decoder.bias"), "relu", False),
    "GatedAutoEncoder": (
        ("encoder.weight", "gate_bias", "decoder.weight", "decoder_bias", "r_mag", "mag_bias"),
        "gated",
        True,
    ),
    "JumpReluAutoEncoder": ((*_PLAIN, "threshold"), "jumprelu", False),
    "AutoEncoderTopK": ((*_LINEAR, "b_dec"), "topk", True),
    "BatchTopKSAE": ((*_LINEAR, "b_dec", "threshold"), "threshold", True),
    "MatryoshkaBatchTopKSAE": (
        ("W_enc", "b_enc", "W_dec", "b_dec", "threshold"),
        "threshold",
        True,
    ),
}
"""of each class: its tensors (encoder, its bias, decoder, what is added last), its rule, and
whether that last one is subtracted first"""


# -- overcomplete: a state of its modules ---------------------------------------------------------


def _overcomplete(file: Opened, asked: Asked) -> Foreign:
    """Nothing is subtracted, and nothing is added to what is rebuilt."""
    tensors = file.tensors
    deep = sorted(n for n in tensors if "mlp_blocks" in n or "attention" in n or "resnet" in n)
    if deep:
        raise ValueError(
            f"{file.file}: its encoder has more than one layer ({deep[0]}, ...); only a linear "
            "encoder, with or without batch normalisation, is read"
        )
    first = "encoder.final_block" if "encoder.final_block.0.weight" in tensors else "encoder"
    lacking(file, (f"{first}.0.weight", f"{first}.0.bias"), "a file of overcomplete")
    weight, bias = _folded(file, tensors[f"{first}.0.weight"], tensors[f"{first}.0.bias"], first)
    decoder = _dictionary(file)
    k, d = decoder.shape
    if tuple(weight.shape) != (k, d):
        raise ValueError(
            f"{file.file}: {first}.0.weight has shape {tuple(weight.shape)}, its dictionary "
            f"{(k, d)}; they must be the same"
        )
    rule, limit = _sparsity(file, asked, k)
    return Foreign(
        "overcomplete",
        weight.contiguous(),
        bias,
        decoder.contiguous(),
        torch.zeros(d),
        rule,
        limit,
        centred=False,
        promise=promised(file, float(limit[0]) if limit is not None and rule == "topk" else None),
    )


def _folded(
    file: Opened, weight: Float[Tensor, "k d"], bias: Float[Tensor, " k"], first: str
) -> tuple[Float[Tensor, "k d"], Float[Tensor, " k"]]:
    """The encoder with its batch normalisation, which is affine once training is over."""
    norm = {
        name: file.tensors[f"{first}.1.{name}"]
        for name in ("weight", "bias", "running_mean", "running_var")
        if f"{first}.1.{name}" in file.tensors
    }
    if not norm:
        return weight, bias
    if "running_var" not in norm:
        raise ValueError(
            f"{file.file}: {first}.1 normalises every token by itself; only batch normalisation, "
            "which is affine once training is over, is read"
        )
    gain = norm["weight"] / (norm["running_var"] + _BATCH_NORM_EPS).sqrt()
    return weight * gain[:, None], (bias - norm["running_mean"]) * gain + norm["bias"]


def _dictionary(file: Opened) -> Float[Tensor, "k d"]:
    """As evaluation makes it: unit rows where training kept them so, mixtures of points mixed, all
    times the exponential of the multiplier."""
    tensors = file.tensors
    multiplier = tensors.get("dictionary.multiplier", torch.zeros(()))
    if "dictionary.C" in tensors:
        shares = tensors["dictionary.W"].relu()
        shares = shares / (shares.sum(1, keepdim=True) + 1e-8)
        rows = shares @ tensors["dictionary.C"] + tensors["dictionary.Relax"]
    else:
        rows = tensors["dictionary._weights"]
        norm = rows.norm(dim=1, keepdim=True)
        if bool(((norm - 1).abs() < _UNIT).all()):
            rows = rows / (norm + 1e-8)
    return rows * multiplier.exp()


def _sparsity(file: Opened, asked: Asked, k: int) -> tuple[str, Float[Tensor, " k"] | None]:
    """The rule is no part of the tensors but for thresholds; the recipe or a JSON says it."""
    said = str(file.facts.get("activation", file.facts.get("sae_type", ""))).lower()
    if "thresholds" in file.tensors:
        return "jumprelu", vector(file, "thresholds", k).exp()
    running = next((n for n in _RUNNING if n in file.tensors), "")
    if running:
        return "threshold", _threshold(float(file.tensors[running]), k)
    if "batch" in said and "threshold" in file.facts:
        return "threshold", _threshold(float(file.facts["threshold"]), k)
    if asked.rule == "relu":
        return "relu", None
    given = int(file.facts.get("k", file.facts.get("top_k", 0)) or 0)
    if not given and not asked.top_k:
        raise ValueError(
            f"{file.file} does not say how codes are kept sparse; write in the bank's params "
            'top_k = NUMBER for TopK, or rule = "relu" for none, or for BatchTopK its running '
            'threshold into a config.json beside it: {"activation": "batchtopk", "threshold": '
            "NUMBER}"
        )
    return "topk", counted(file, asked, given, k)


# -- ViSAEBench: encoder, decoder and config.json -------------------------------------------------


def _visaebench(file: Opened, asked: Asked) -> Foreign:
    """Both matrices are latents x width; a bias of the decoder is optional."""
    lacking(file, _LINEAR, "a file of ViSAEBench")
    k, d = file.tensors["encoder.weight"].shape
    said = str(file.facts.get("activation", file.facts.get("sae_type", "topk"))).lower()
    kept = int(file.facts.get("k") or 0)
    if said == "batchtopk":
        running = next((file.tensors[n] for n in _RUNNING if n in file.tensors), torch.zeros(()))
        rule, limit = "threshold", _threshold(float(file.facts.get("threshold", running)), k)
    elif said == "jumprelu":
        name = next((n for n in ("jump_thresholds", "thresholds") if n in file.tensors), "")
        lacking(file, (name or "jump_thresholds",), "a JumpReLU of ViSAEBench")
        rule, limit = "jumprelu", vector(file, name, k)
    elif said == "topk":
        rule, limit = "topk", counted(file, asked, kept, k)
    else:
        raise ValueError(
            f"{file.beside}: activation {said!r} of ViSAEBench is not read; known: topk, "
            "batchtopk, jumprelu"
        )
    bias = "decoder.bias" in file.tensors
    return Foreign(
        "ViSAEBench",
        matrix(file, "encoder.weight", (k, d)),
        vector(file, "encoder.bias", k),
        matrix(file, "decoder.weight", (k, d)),
        vector(file, "decoder.bias", d) if bias else torch.zeros(d),
        rule,
        limit,
        centred=False,
        promise=promised(file, float(kept) if kept else None),
    )


def _is_visaebench(file: Opened) -> bool:
    return "encoder.weight" in file.tensors and bool({"activation", "sae_type"} & set(file.facts))


FORMATS: tuple[tuple[Callable[[Opened], bool], Callable[[Opened, Asked], Foreign]], ...] = (
    (lambda f: bool(f.header) and "W_enc" in f.tensors, _saev),
    (lambda f: any(n.startswith("dictionary.") for n in f.tensors), _overcomplete),
    (_is_visaebench, _visaebench),
    (lambda f: bool(_class_of(f)), _dictionary_learning),
)
