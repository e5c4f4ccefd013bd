"""A bank as the tensors and settings of a file that SAELens opens, or as a dictionary alone.

SAELens knows encoders that are linear up to a ReLU, a TopK, a threshold or a gate. Codes of other
banks come of least squares or of a choice among directions; of these the dictionary is written, and
how codes are made is said beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from core.concepts.factors import additive, hierarchical_semi_nmf, pca
from core.concepts.imported import bank as imported
from core.concepts.imported.foreign import ALONE, NORMS, RULES
from core.concepts.sae import archetypal, batch_topk, gated, jumprelu, l1, topk
from core.concepts.sae.bank import Autoencoder
from core.types import ConceptBank


@dataclass(frozen=True)
class Exported:
    settings: dict[str, Any]
    """as in cfg.json"""
    tensors: dict[str, Tensor]
    encodes: bool
    """whether SAELens gives the bank's codes"""
    exact: bool
    """whether this program, importing it, does"""


def exported(bank: ConceptBank) -> Exported:
    """Single precision; names as SAELens has them."""
    found = _autoencoder(bank) if isinstance(bank, Autoencoder) else None
    if isinstance(bank, imported.Bank):
        found = _imported(bank)
    if found is None:
        return _alone(bank)
    settings, tensors = found
    k, d = bank.directions.shape
    settings = {"d_in": d, "d_sae": k, "dtype": "float32", "device": "cpu", **settings}
    return Exported(settings, _own(tensors), encodes=True, exact=True)


def _autoencoder(bank: Autoencoder) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    tensors = {
        "W_enc": bank.encoder.T,
        "b_enc": bank.encoder_bias,
        "W_dec": bank.directions,
        "b_dec": bank.decoder_bias,
    }
    if isinstance(bank, topk.Bank):
        return _settings("topk", centred=bool(bank.tied), k=int(bank.top_k)), tensors
    if isinstance(bank, archetypal.Bank):
        tensors["W_dec"] = bank.directions * bank.scale[:, None]
        return _settings("topk", k=int(bank.top_k)), tensors
    if isinstance(bank, batch_topk.Bank):
        # theirs must exceed the threshold, ours may equal it
        least = torch.nextafter(bank.threshold, torch.tensor(-torch.inf))
        return _settings("jumprelu"), {**tensors, "threshold": least.expand(len(bank.directions))}
    if isinstance(bank, jumprelu.Bank):
        return _settings("jumprelu"), {**tensors, "threshold": bank.threshold}
    if isinstance(bank, gated.Bank):
        gate = {"b_gate": tensors.pop("b_enc"), "r_mag": bank.magnitude.log()}
        return _settings("gated"), {**tensors, **gate, "b_mag": bank.magnitude_bias}
    return (_settings("standard"), tensors) if isinstance(bank, l1.Bank) else None


def _imported(bank: imported.Bank) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """None: it has no encoder that SAELens knows."""
    rule = RULES[int(bank.rule)]
    if rule not in _ARCHITECTURES or (bool(bank.squashed) and rule not in ("relu", "gated")):
        return None
    tensors = {
        "W_enc": bank.encoder.T,
        "b_enc": bank.encoder_bias,
        "W_dec": bank.directions * bank.strength[:, None],
        "b_dec": bank.decoder_bias,
    }
    settings = _settings(_ARCHITECTURES[rule], centred=bool(bank.centred))
    settings["normalize_activations"] = NORMS[int(bank.norm)]
    if bool(bank.squashed):
        settings["activation_fn_str"] = "tanh-relu"
    if rule in ("topk", "topk_absolute"):
        settings["k"] = int(bank.limit[0])
    if rule in ("jumprelu", "threshold"):
        tensors["threshold"] = bank.limit
    if rule == "gated":
        gate = {"b_gate": tensors.pop("b_enc"), "r_mag": bank.magnitude.log()}
        tensors |= {**gate, "b_mag": bank.magnitude_bias}
    return settings, tensors


_ARCHITECTURES = {
    "relu": "standard",
    "topk": "topk",
    "topk_absolute": "abstopk",
    "threshold": "jumprelu",
    "jumprelu": "jumprelu",
    "gated": "gated",
}
"""of `foreign.RULES`, as SAELens calls them"""


def _alone(bank: ConceptBank) -> Exported:
    """The dictionary, and which rule of an import comes nearest to the bank's codes."""
    rule, exact = "projection", False
    if isinstance(bank, imported.Bank):
        rule = RULES[int(bank.rule)]
        exact = rule in ("nnls", "projection", "coordinates")
        rule = rule if exact else "projection"
    elif isinstance(bank, pca.Bank):
        rule, exact = "coordinates", True
    elif isinstance(bank, additive.Additive):
        rule, exact = "nnls", not isinstance(bank, hierarchical_semi_nmf.Bank)
    k, d = bank.directions.shape
    tensors = {"W_dec": bank.directions}
    if bank.offset is not None:
        tensors["b_dec"] = bank.offset
    settings = {"architecture": ALONE, "codes": rule, "d_in": d, "d_sae": k, "dtype": "float32"}
    return Exported(settings, _own(tensors), encodes=False, exact=exact)


def _settings(architecture: str, *, centred: bool = True, **more: Any) -> dict[str, Any]:
    return {
        "architecture": architecture,
        "apply_b_dec_to_input": centred,
        "normalize_activations": "none",
        "reshape_activations": "none",
        **more,
    }


def _own(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Each in memory of its own, as safetensors wants it."""
    return {name: t.float().contiguous().clone() for name, t in tensors.items()}
