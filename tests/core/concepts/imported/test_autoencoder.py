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

from core.concepts import METHODS
from core.concepts.imported import autoencoder as imported
from core.concepts.sae import topk
from core.types import FitData

D, K = 7, 11


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def weights() -> dict[str, Tensor]:
    return {"W_enc": drawn(D, K), "b_enc": drawn(K), "W_dec": drawn(K, D), "b_dec": drawn(D)}


def data(width: int = D) -> FitData:
    return fakes.fit_data(drawn(9, 5, width))


def saved(
    folder: Path,
    tensors: dict[str, Tensor],
    facts: dict[str, Any] | None = None,
    *,
    name: str = "cfg.json",
) -> str:
    save_file({n: t.contiguous() for n, t in tensors.items()}, folder / "weights.safetensors")
    if facts is not None:
        (folder / name).write_text(json.dumps(facts), encoding="utf-8")
    return str(folder)


def rebuilt(bank: imported.Bank, x: Tensor) -> Tensor:
    return bank.encode(x) @ bank.directions + bank.offset


def test_a_bare_file_is_read_as_it_was_trained(tmp_path: Path) -> None:
    w = weights()
    bank = imported.fit(data(), path=saved(tmp_path, w))
    x = drawn(4, 5, D)
    codes = torch.relu(x @ w["W_enc"] + w["b_enc"])
    torch.testing.assert_close(bank.encode(x), codes * w["W_dec"].norm(dim=1))
    torch.testing.assert_close(rebuilt(bank, x), codes @ w["W_dec"] + w["b_dec"])


@pytest.mark.parametrize("centred", [True, False])
def test_saelens_topk(tmp_path: Path, centred: bool) -> None:
    w = weights()
    facts = {"architecture": "topk", "k": 3, "apply_b_dec_to_input": centred, "d_in": D}
    bank = imported.fit(data(), path=saved(tmp_path, w, facts))
    x = drawn(6, D)
    pre = torch.relu((x - w["b_dec"] * centred) @ w["W_enc"] + w["b_enc"])
    for row, codes in zip(pre, bank.encode(x), strict=True):
        kept = set(row.argsort(descending=True)[:3].tolist()) & set(row.nonzero()[:, 0].tolist())
        assert set(codes.nonzero()[:, 0].tolist()) == kept
    assert rebuilt(bank, x).shape == x.shape


def test_saelens_standard_architecture_with_topk_as_its_activation(tmp_path: Path) -> None:
    facts = {"architecture": "standard", "activation_fn": "topk", "activation_fn_kwargs": {"k": 2}}
    bank = imported.fit(data(), path=saved(tmp_path, weights(), facts))
    assert int((bank.encode(drawn(30, D)) > 0).sum(1).max()) == 2


def test_saelens_jumprelu(tmp_path: Path) -> None:
    w = weights() | {"threshold": drawn(K).abs()}
    facts = {"architecture": "jumprelu", "apply_b_dec_to_input": False}
    bank = imported.fit(data(), path=saved(tmp_path, w, facts))
    x = drawn(6, D)
    pre = x @ w["W_enc"] + w["b_enc"]
    expected = pre * (pre > w["threshold"])
    torch.testing.assert_close(rebuilt(bank, x), expected @ w["W_dec"] + w["b_dec"])
    assert ((pre > 0) & (expected == 0)).any()


def test_saelens_gated(tmp_path: Path) -> None:
    w = weights()
    w |= {"b_gate": w.pop("b_enc"), "r_mag": drawn(K, seed=1), "b_mag": drawn(K, seed=2)}
    facts = {"architecture": "gated", "apply_b_dec_to_input": True}
    bank = imported.fit(data(), path=saved(tmp_path, w, facts))
    x = drawn(6, D)
    shared = (x - w["b_dec"]) @ w["W_enc"]
    size = torch.relu(shared * w["r_mag"].exp() + w["b_mag"])
    codes = torch.where(shared + w["b_gate"] > 0, size, torch.zeros(()))
    torch.testing.assert_close(rebuilt(bank, x), codes @ w["W_dec"] + w["b_dec"])


def test_codes_chosen_by_what_they_add(tmp_path: Path) -> None:
    w = weights()
    facts = {"architecture": "topk", "k": 2, "rescale_acts_by_decoder_norm": True}
    bank = imported.fit(data(), path=saved(tmp_path, w, facts))
    x = drawn(20, D)
    added = torch.relu((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"]) * w["W_dec"].norm(dim=1)
    kept = added >= added.topk(2, dim=1).values[:, -1:]
    torch.testing.assert_close(bank.encode(x), added * kept)


def test_an_own_json_names_the_tensors_and_either_way_round_fits(tmp_path: Path) -> None:
    w = weights()
    tensors = {"enc": w["W_enc"].T, "eb": w["b_enc"], "dec": w["W_dec"].T, "db": w["b_dec"]}
    facts = {
        "encoder": "enc",
        "encoder_bias": "eb",
        "decoder": "dec",
        "decoder_bias": "db",
        "rule": "threshold",
        "threshold": 0.5,
        "centred": True,
    }
    bank = imported.fit(data(), path=saved(tmp_path, tensors, facts, name="sae.json"))
    x = drawn(6, D)
    pre = torch.relu((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"])
    torch.testing.assert_close(rebuilt(bank, x), pre * (pre > 0.5) @ w["W_dec"] + w["b_dec"])


def test_our_own_bank_comes_back(tmp_path: Path) -> None:
    x = drawn(60, 5, D)
    own = topk.fit(fakes.fit_data(x), n_concepts=K, top_k=2, n_steps=30, batch=32)
    facts = {
        "encoder": "encoder",
        "encoder_bias": "encoder_bias",
        "decoder": "directions",
        "decoder_bias": "decoder_bias",
        "rule": "topk",
        "top_k": 2,
        "centred": True,
    }
    keep = {n: t for n, t in own.tensors().items() if t.ndim}
    bank = imported.fit(data(), path=saved(tmp_path, keep, facts, name="sae.json"))
    torch.testing.assert_close(bank.encode(x), own.encode(x))


def test_restores_from_its_tensors(tmp_path: Path) -> None:
    bank = imported.fit(data(), path=saved(tmp_path, weights()), rule="topk", top_k=4)
    again = METHODS["imported_sae"].bank(**bank.tensors())
    assert torch.equal(again.encode(drawn(5, D)), bank.encode(drawn(5, D)))


@pytest.mark.parametrize(
    ("change", "facts", "says"),
    [
        ({"W_dec": drawn(K, D + 1)}, None, r"W_dec has shape \(11, 8\).*must be \(11, 7\)"),
        ({"b_enc": drawn(K) / 0}, None, "b_enc has values that are not finite"),
        ({}, {"architecture": "topk", "k": 12}, "between 1 and its 11 latents, not 12"),
        ({}, {"architecture": "crosscoder"}, "'crosscoder' is not read; known: standard"),
        ({}, {"normalize_activations": "whiten"}, "'whiten' is not read; known: none"),
        ({}, {"architecture": "jumprelu"}, "lacks threshold; it has W_dec, W_enc"),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, change: dict[str, Tensor], facts: dict[str, Any] | None, says: str
) -> None:
    path = saved(tmp_path, weights() | change, facts)
    with pytest.raises(ValueError, match=says):
        imported.fit(data(), path=path)


OWN = {"encoder": "W_enc", "encoder_bias": "b_enc", "decoder": "W_dec", "decoder_bias": "b_dec"}
GATE = {"r_mag": drawn(K, seed=1), "b_mag": drawn(K, seed=2), "b_gate": drawn(K, seed=3)}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"threshold": drawn(K).abs()}, r"threshold \(rule 'jumprelu'\).*rule = \"jumprelu\" or"),
        ({"threshold": torch.tensor(0.4)}, r"threshold \(rule 'threshold'\)"),
        ({"log_threshold": drawn(K)}, r"log_threshold \(rule 'jumprelu'\)"),
        (GATE, r"b_gate \(rule 'gated'\), r_mag \(rule 'gated'\)"),
        ({"k": torch.tensor(3)}, r'rule = "topk", top_k = NUMBER or rule = "relu"'),
    ],
)
@pytest.mark.parametrize("facts", [None, {"architecture": "standard"}, OWN])
def test_a_file_with_parts_of_another_rule_is_not_read_as_relu(
    tmp_path: Path, more: dict[str, Tensor], says: str, facts: dict[str, Any] | None
) -> None:
    """Until the recipe says so."""
    name = "sae.json" if facts == OWN else "cfg.json"
    path = saved(tmp_path, weights() | more, facts, name=name)
    with pytest.raises(ValueError, match=says) as caught:
        imported.fit(data(), path=path)
    assert "would be read by rule 'relu'" in str(caught.value)
    assert imported.fit(data(), path=path, rule="relu").rule == 0


def test_a_number_in_the_files_metadata_tells_too(tmp_path: Path) -> None:
    save_file(weights(), tmp_path / "w.safetensors", {"format": "pt", "k": "3"})
    with pytest.raises(ValueError, match=r"k \(rule 'topk'\)"):
        imported.fit(data(), path=str(tmp_path))
    assert (imported.fit(data(), path=str(tmp_path), rule="topk", top_k=3).limit == 3).all()


def test_a_bare_file_follows_the_rule_that_the_recipe_names(tmp_path: Path) -> None:
    w, x = weights(), drawn(30, D)
    pre = x @ w["W_enc"] + w["b_enc"]
    level = drawn(K).abs()
    path = saved(tmp_path, w | {"threshold": level})
    bank = imported.fit(data(), path=path, rule="jumprelu")
    assert torch.equal(bank.encode(x) > 0, pre > level)
    path = saved(tmp_path, w | {"threshold": torch.tensor([0.4])})
    bank = imported.fit(data(), path=path, rule="threshold")
    assert torch.equal(bank.encode(x) > 0, pre > 0.4)
    path = saved(tmp_path, {n: t for n, t in w.items() if n != "b_enc"} | GATE)
    bank = imported.fit(data(), path=path, rule="gated")
    shared = x @ w["W_enc"]
    size = torch.relu(shared * GATE["r_mag"].exp() + GATE["b_mag"])
    codes = torch.where(shared + GATE["b_gate"] > 0, size, torch.zeros(()))
    torch.testing.assert_close(rebuilt(bank, x), codes @ w["W_dec"] + w["b_dec"])
    own = {
        "encoder": "W_enc",
        "encoder_bias": "b_gate",
        "decoder": "W_dec",
        "rule": "gated",
        "decoder_bias": "b_dec",
        "magnitude": "r_mag",
        "magnitude_bias": "b_mag",
    }
    again = imported.fit(data(), path=saved(tmp_path, w | GATE, own, name="sae.json"))
    assert torch.equal(again.encode(x), bank.encode(x))


@pytest.mark.parametrize(
    ("facts", "name", "params", "says"),
    [
        (None, "", {"top_k": 3}, "top_k = 3 belongs to rule 'topk', but the rule is 'relu'"),
        (None, "", {"rule": "swish"}, "unknown rule 'swish'; known: relu, topk"),
        (
            {"architecture": "topk", "k": 3},
            "cfg.json",
            {"rule": "relu"},
            r"rule = 'relu', but .*cfg.json says 'topk'",
        ),
        (
            {"architecture": "topk", "k": 3},
            "cfg.json",
            {"top_k": 4},
            r"top_k = 4, but .*cfg.json says 3; leave top_k out",
        ),
        (
            {"architecture": "standard", "activation_fn_kwargs": {"k": 3}},
            "cfg.json",
            {},
            "top_k = 3 belongs to rule 'topk'",
        ),
        ({"d_in": D + 2}, "cfg.json", {}, r"11 latents for .* width 7, but .* d_in = 9"),
        ({"d_sae": 5}, "cfg.json", {}, r"11 latents .* d_sae = 5 and d_in = nothing"),
        (
            OWN | {"rule": "topk", "top_k": 2},
            "sae.json",
            {"rule": "relu"},
            r"rule = 'relu', but .*sae.json says 'topk'",
        ),
        (OWN | {"top_k": 2}, "sae.json", {}, "top_k = 2 belongs to rule 'topk'"),
        (OWN | {"threshold": 0.2}, "sae.json", {}, "has a threshold, but rule 'relu' has none"),
        (OWN | {"rule": "threshold"}, "sae.json", {}, "lacks threshold, which rule 'threshold'"),
        (OWN | {"rule": "jumprelu", "threshold": 0.2}, "sae.json", {}, "needs the name of a"),
        (OWN | {"activation": "topk"}, "sae.json", {}, "has 'activation', which is not read"),
        (OWN | {"rule": "topk", "top_k": "2"}, "sae.json", {}, "top_k cannot be '2'"),
        (OWN | {"centred": 1}, "sae.json", {}, "centred cannot be 1"),
    ],
)
def test_contradictions_are_explained(
    tmp_path: Path, facts: dict[str, Any] | None, name: str, params: dict[str, Any], says: str
) -> None:
    path = saved(tmp_path, weights(), facts, name=name)
    with pytest.raises(ValueError, match=says):
        imported.fit(data(), path=path, **params)


@pytest.mark.parametrize(
    ("hook", "layer", "fits"),
    [
        ("blocks.4.hook_resid_post", "vit.encoder.layer.4", True),
        ("blocks.5.hook_resid_pre", "vit.encoder.layer.4", True),
        ("blocks.4.hook_resid_pre", "vit.encoder.layer.4", False),
        ("blocks.4.hook_mlp_out", "vit.encoder.layer.4", False),
        ("vit.encoder.layer.4", "vit.encoder.layer.4", True),
        ("blocks.14.hook_resid_post", "vit.encoder.layer.4", False),
    ],
)
@pytest.mark.parametrize("nested", [False, True])
def test_the_place_that_saelens_names_must_be_this_layer(
    tmp_path: Path, hook: str, layer: str, fits: bool, nested: bool
) -> None:
    named = {"hook_name": hook}
    path = saved(tmp_path, weights(), {"metadata": named} if nested else named)
    there = replace(data(), layer=layer)
    if not fits:
        with pytest.raises(ValueError, match=rf"trained at {hook}, .* layer {layer}.*write hook ="):
            imported.fit(there, path=path)
    assert imported.fit(there, path=path, hook=hook if not fits else "")
    with pytest.raises(ValueError, match=rf"params say hook = 'elsewhere', but .* says '{hook}'"):
        imported.fit(there, path=path, hook="elsewhere")


def test_another_width_and_another_layer_are_explained(tmp_path: Path) -> None:
    path = saved(tmp_path, weights())
    with pytest.raises(ValueError, match=r"width 7, but those of this layer have width 9"):
        imported.fit(data(9), path=path)
    facts = {
        "encoder": "W_enc",
        "encoder_bias": "b_enc",
        "decoder": "W_dec",
        "decoder_bias": "b_dec",
        "layer": "blocks.3",
    }
    path = saved(tmp_path, weights(), facts, name="sae.json")
    with pytest.raises(ValueError, match=r"layer blocks.3, but .* of layer blocks.4"):
        imported.fit(replace(data(), layer="blocks.4"), path=path)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs params"):
        imported.fit(data())
    with pytest.raises(ValueError, match=r"none\.safetensors does not exist"):
        imported.fit(data(), path=str(tmp_path / "none.safetensors"))
    with pytest.raises(ValueError, match="it has none"):
        imported.fit(data(), path=str(tmp_path))
    (tmp_path / "a.safetensors").write_text("no weights")
    with pytest.raises(ValueError, match=r"a\.safetensors is no safetensors file"):
        imported.fit(data(), path=str(tmp_path / "a.safetensors"))
    (tmp_path / "cfg.json").write_text("{")
    with pytest.raises(ValueError, match=r"cfg\.json is not valid JSON"):
        imported.fit(data(), path=str(tmp_path / "a.safetensors"))
