"""Autoencoders trained elsewhere: their file forms, their rules, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import fakes
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from core.concepts import METHODS, imported_sae, sae
from core.types import FitData

D, K = 7, 11


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def weights() -> dict[str, Tensor]:
    return {"W_enc": drawn(D, K), "b_enc": drawn(K), "W_dec": drawn(K, D), "b_dec": drawn(D)}


def data(width: int = D) -> FitData:
    return fakes.fit_data(drawn(9, 5, width))


def saved(folder: Path, tensors: dict[str, Tensor], facts: dict[str, Any] | None = None,
          *, name: str = "cfg.json") -> str:  # fmt: skip
    save_file({n: t.contiguous() for n, t in tensors.items()}, folder / "weights.safetensors")
    if facts is not None:
        (folder / name).write_text(json.dumps(facts), encoding="utf-8")
    return str(folder)


def rebuilt(bank: imported_sae.Bank, x: Tensor) -> Tensor:
    return bank.encode(x) @ bank.directions + bank.offset


def test_a_bare_file_is_read_as_it_was_trained(tmp_path: Path) -> None:
    w = weights()
    bank = imported_sae.fit(data(), path=saved(tmp_path, w))
    x = drawn(4, 5, D)
    codes = torch.relu(x @ w["W_enc"] + w["b_enc"])
    torch.testing.assert_close(bank.encode(x), codes * w["W_dec"].norm(dim=1))
    torch.testing.assert_close(rebuilt(bank, x), codes @ w["W_dec"] + w["b_dec"])


@pytest.mark.parametrize("centred", [True, False])
def test_saelens_topk(tmp_path: Path, centred: bool) -> None:
    w = weights()
    facts = {"architecture": "topk", "k": 3, "apply_b_dec_to_input": centred, "d_in": D}
    bank = imported_sae.fit(data(), path=saved(tmp_path, w, facts))
    x = drawn(6, D)
    pre = torch.relu((x - w["b_dec"] * centred) @ w["W_enc"] + w["b_enc"])
    for row, codes in zip(pre, bank.encode(x), strict=True):
        kept = set(row.argsort(descending=True)[:3].tolist()) & set(row.nonzero()[:, 0].tolist())
        assert set(codes.nonzero()[:, 0].tolist()) == kept
    assert rebuilt(bank, x).shape == x.shape


def test_saelens_standard_architecture_with_topk_as_its_activation(tmp_path: Path) -> None:
    facts = {"architecture": "standard", "activation_fn": "topk", "activation_fn_kwargs": {"k": 2}}
    bank = imported_sae.fit(data(), path=saved(tmp_path, weights(), facts))
    assert int((bank.encode(drawn(30, D)) > 0).sum(1).max()) == 2


def test_saelens_jumprelu(tmp_path: Path) -> None:
    w = weights() | {"threshold": drawn(K).abs()}
    facts = {"architecture": "jumprelu", "apply_b_dec_to_input": False}
    bank = imported_sae.fit(data(), path=saved(tmp_path, w, facts))
    x = drawn(6, D)
    pre = x @ w["W_enc"] + w["b_enc"]
    expected = pre * (pre > w["threshold"])
    torch.testing.assert_close(rebuilt(bank, x), expected @ w["W_dec"] + w["b_dec"])
    assert ((pre > 0) & (expected == 0)).any()


def test_saelens_gated(tmp_path: Path) -> None:
    w = weights()
    w |= {"b_gate": w.pop("b_enc"), "r_mag": drawn(K, seed=1), "b_mag": drawn(K, seed=2)}
    facts = {"architecture": "gated", "apply_b_dec_to_input": True}
    bank = imported_sae.fit(data(), path=saved(tmp_path, w, facts))
    x = drawn(6, D)
    shared = (x - w["b_dec"]) @ w["W_enc"]
    size = torch.relu(shared * w["r_mag"].exp() + w["b_mag"])
    codes = torch.where(shared + w["b_gate"] > 0, size, torch.zeros(()))
    torch.testing.assert_close(rebuilt(bank, x), codes @ w["W_dec"] + w["b_dec"])


def test_codes_chosen_by_what_they_add(tmp_path: Path) -> None:
    w = weights()
    facts = {"architecture": "topk", "k": 2, "rescale_acts_by_decoder_norm": True}
    bank = imported_sae.fit(data(), path=saved(tmp_path, w, facts))
    x = drawn(20, D)
    added = torch.relu((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"]) * w["W_dec"].norm(dim=1)
    kept = added >= added.topk(2, dim=1).values[:, -1:]
    torch.testing.assert_close(bank.encode(x), added * kept)


def test_an_own_json_names_the_tensors_and_either_way_round_fits(tmp_path: Path) -> None:
    w = weights()
    tensors = {"enc": w["W_enc"].T, "eb": w["b_enc"], "dec": w["W_dec"].T, "db": w["b_dec"]}
    facts = {"encoder": "enc", "encoder_bias": "eb", "decoder": "dec", "decoder_bias": "db",
             "rule": "threshold", "threshold": 0.5, "centred": True}  # fmt: skip
    bank = imported_sae.fit(data(), path=saved(tmp_path, tensors, facts, name="sae.json"))
    x = drawn(6, D)
    pre = torch.relu((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"])
    torch.testing.assert_close(rebuilt(bank, x), pre * (pre > 0.5) @ w["W_dec"] + w["b_dec"])


def test_our_own_bank_comes_back(tmp_path: Path) -> None:
    x = drawn(60, 5, D)
    own = sae.fit(fakes.fit_data(x), n_concepts=K, top_k=2, n_steps=30, batch=32)
    facts = {"encoder": "encoder", "encoder_bias": "encoder_bias", "decoder": "directions",
             "decoder_bias": "decoder_bias", "rule": "topk", "top_k": 2,
             "centred": True}  # fmt: skip
    keep = {n: t for n, t in own.tensors().items() if t.ndim}
    bank = imported_sae.fit(data(), path=saved(tmp_path, keep, facts, name="sae.json"))
    torch.testing.assert_close(bank.encode(x), own.encode(x))


def test_restores_from_its_tensors(tmp_path: Path) -> None:
    bank = imported_sae.fit(data(), path=saved(tmp_path, weights()), rule="topk", top_k=4)
    again = METHODS["imported_sae"].bank(**bank.tensors())
    assert torch.equal(again.encode(drawn(5, D)), bank.encode(drawn(5, D)))


@pytest.mark.parametrize(
    ("change", "facts", "says"),
    [
        ({"W_dec": drawn(K, D + 1)}, None, r"W_dec has shape \(11, 8\).*must be \(11, 7\)"),
        ({"b_enc": drawn(K) / 0}, None, "b_enc has values that are not finite"),
        ({}, {"architecture": "topk", "k": 12}, "between 1 and its 11 latents, not 12"),
        ({}, {"architecture": "crosscoder"}, "'crosscoder' is not read; known: standard"),
        ({}, {"normalize_activations": "layer_norm"}, "rescaled by 'layer_norm'; fold"),
        ({}, {"architecture": "jumprelu"}, "lacks threshold; it has W_dec, W_enc"),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, change: dict[str, Tensor], facts: dict[str, Any] | None, says: str
) -> None:
    path = saved(tmp_path, weights() | change, facts)
    with pytest.raises(ValueError, match=says):
        imported_sae.fit(data(), path=path)


def test_another_width_and_another_layer_are_explained(tmp_path: Path) -> None:
    path = saved(tmp_path, weights())
    with pytest.raises(ValueError, match=r"width 7, but those of this layer have width 9"):
        imported_sae.fit(data(9), path=path)
    facts = {"encoder": "W_enc", "encoder_bias": "b_enc", "decoder": "W_dec",
             "decoder_bias": "b_dec", "layer": "blocks.3"}  # fmt: skip
    path = saved(tmp_path, weights(), facts, name="sae.json")
    with pytest.raises(ValueError, match=r"layer blocks.3, but .* of layer blocks.4"):
        imported_sae.fit(replace(data(), layer="blocks.4"), path=path)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs params"):
        imported_sae.fit(data())
    with pytest.raises(ValueError, match=r"none\.safetensors does not exist"):
        imported_sae.fit(data(), path=str(tmp_path / "none.safetensors"))
    with pytest.raises(ValueError, match="it has none"):
        imported_sae.fit(data(), path=str(tmp_path))
    (tmp_path / "a.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match=r"a\.safetensors is no safetensors file"):
        imported_sae.fit(data(), path=str(tmp_path / "a.safetensors"))
    (tmp_path / "cfg.json").write_text("{")
    with pytest.raises(ValueError, match=r"cfg\.json is not valid JSON"):
        imported_sae.fit(data(), path=str(tmp_path / "a.safetensors"))
