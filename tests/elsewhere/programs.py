"""What other programs compute, each written anew from its definition, and its files.

Every twin writes a folder in its program's own layout and gives the codes and the reconstruction
that the program would give. Codes are in the program's units.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

D, K = 6, 10


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def largest(pre: Tensor, k: int) -> Tensor:
    """All but the k largest of each row set to 0, whatever their sign."""
    out = torch.zeros_like(pre)
    for row, values in enumerate(pre):
        at = sorted(range(len(values)), key=lambda j: float(values[j]), reverse=True)[:k]
        out[row, at] = values[at]
    return out


@dataclass(frozen=True)
class Twin:
    write: Callable[[Path], None]
    codes: Callable[[Tensor], Tensor]
    rebuilt: Callable[[Tensor], Tensor]
    adds: Callable[[Tensor], Tensor]
    """how much one unit of each code adds to a token, in units of activation: (n, k)"""
    params: dict[str, Any]


def plain() -> dict[str, Tensor]:
    return {
        "W_enc": drawn(D, K),
        "b_enc": drawn(K),
        "W_dec": drawn(K, D, seed=3),
        "b_dec": drawn(D),
    }


def saved(
    tensors: dict[str, Tensor], facts: dict[str, Any], *, name: str
) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        kept = {n: t.contiguous() for n, t in tensors.items()}
        save_file(kept, folder / name) if name.endswith("safetensors") else torch.save(
            kept, folder / name
        )
        beside = "cfg.json" if name.startswith("sae_weights") else "config.json"
        if facts:
            (folder / beside).write_text(json.dumps(facts))

    return write


def normed(x: Tensor, how: str) -> tuple[Tensor, Tensor, Tensor]:
    """Rescaled tokens, what they were divided by and what was taken off."""
    if how == "layer_norm":
        mean = x.mean(1, keepdim=True)
        deviation = (((x - mean) ** 2).sum(1, keepdim=True) / (x.shape[1] - 1)).sqrt()
        return (x - mean) / (deviation + 1e-5), deviation, mean
    if how == "constant_norm_rescale":
        factor = x.shape[1] ** 0.5 / (x**2).sum(1, keepdim=True).sqrt()
        return x * factor, 1 / factor, torch.zeros_like(factor)
    one = torch.ones(len(x), 1)
    return x, one, 0 * one


def saelens(architecture: str, norm: str = "none", **facts: Any) -> Twin:
    w = plain()
    said = {"architecture": architecture, "d_in": D, "d_sae": K, "normalize_activations": norm}
    said |= {"dtype": "float32", "device": "cpu", "reshape_activations": "none", "metadata": {}}
    said |= {"apply_b_dec_to_input": True} | facts
    k, scaled_by = int(said.get("k", 0)), 1.0
    level = drawn(K, seed=5).abs()
    gate = {"r_mag": drawn(K, seed=1) / 2, "b_mag": drawn(K, seed=2), "b_gate": drawn(K, seed=4)}
    factor = torch.ones(K)
    tensors = dict(w)
    if architecture == "gated":
        tensors = {n: t for n, t in w.items() if n != "b_enc"} | gate
    if architecture == "jumprelu":
        tensors["threshold"] = level
    if architecture.endswith("batchtopk"):
        tensors["topk_threshold"] = torch.tensor(0.3, dtype=torch.double)
    if said.get("finetuning_scaling_factor"):
        factor = drawn(K, seed=6).abs() + 0.5
        tensors["finetuning_scaling_factor"] = factor
    if norm == "expected_average_only_in":
        scaled_by = 0.4
    length = w["W_dec"].norm(dim=1) if said.get("rescale_acts_by_decoder_norm") else torch.ones(K)

    def codes(x: Tensor) -> Tensor:
        z, _, _ = normed(x * scaled_by, norm)
        z = z - w["b_dec"] * said["apply_b_dec_to_input"]
        if architecture == "gated":
            on = (z @ w["W_enc"] + gate["b_gate"] > 0).float()
            return on * torch.relu(z @ (w["W_enc"] * gate["r_mag"].exp()) + gate["b_mag"])
        pre = (z @ w["W_enc"] + w["b_enc"]) * length
        if architecture == "topk":
            return torch.relu(largest(pre, k))
        if architecture == "abstopk":
            return pre * (largest(pre.abs(), k) > 0)
        if architecture == "jumprelu":
            return torch.relu(pre) * (pre > level)
        if architecture.endswith("batchtopk"):
            return torch.relu(pre) * (pre > 0.3)
        found = torch.relu(pre)
        return torch.tanh(found) if said.get("activation_fn_str") == "tanh-relu" else found

    def rebuilt(x: Tensor) -> Tensor:
        _, unit, middle = normed(x * scaled_by, norm)
        out = (codes(x) * factor / length) @ w["W_dec"] + w["b_dec"]
        return (out * unit + middle) / scaled_by

    def adds(x: Tensor) -> Tensor:
        _, unit, _ = normed(x * scaled_by, norm)
        return unit * factor * w["W_dec"].norm(dim=1) / length / scaled_by

    def write(folder: Path) -> None:
        saved(tensors, said, name="sae_weights.safetensors")(folder)
        if norm == "expected_average_only_in":
            (folder / "activation_scaler.json").write_text('{"scaling_factor": 0.4}')

    return Twin(write, codes, rebuilt, adds, {})


def prisma() -> Twin:
    """The checkpoint holds its settings as an object of its own class."""
    inner = saelens("standard", "layer_norm")
    w = plain()

    def write(folder: Path) -> None:
        facts = {"architecture": "standard", "activation_fn_str": "relu", "d_in": D, "d_sae": K}
        facts |= {"normalize_activations": "layer_norm", "hook_point_layer": 9}
        facts |= {"layer_subtype": "hook_resid_post"}
        (folder / "config.json").write_text(json.dumps(facts))
        card = (
            "---\nmetrics:\n- type: explained_variance \n  value: 81.7\n- type: l0\n  value: 4.5\n"
        )
        (folder / "README.md").write_text(f"{card}---\n# A card\n")
        settings = type("VisionModelSAERunnerConfig", (), {"__module__": "vit_prisma.sae.config"})
        _pickled({"cfg": settings, "state_dict": w}, settings, folder / "weights.pt")

    return Twin(write, inner.codes, inner.rebuilt, inner.adds, {})


def _pickled(content: dict[str, Any], kind: type, file: Path) -> None:
    """As torch.save writes it where that class can be imported."""
    import sys
    import types

    module = types.ModuleType("vit_prisma.sae.config")
    setattr(module, kind.__name__, kind)
    names = ("vit_prisma", "vit_prisma.sae", "vit_prisma.sae.config")
    sys.modules.update(dict.fromkeys(names, module))
    one = kind()
    one.__dict__.update(d_in=D, architecture="standard", dtype=torch.float32)
    try:
        torch.save(content | {"cfg": one}, file)
    finally:
        for name in names:
            del sys.modules[name]


def saev(kind: str) -> Twin:
    w = plain()
    chosen = {"cls": kind, "params": {} if kind == "Relu" else {"top_k": 7}}

    def write(folder: Path) -> None:
        header = {"schema": 2, "cfg": {"d_vit": D, "activation": chosen}, "commit": "", "lib": ""}
        body = io.BytesIO()
        torch.save(w, body)
        (folder / "sae.pt").write_bytes(json.dumps(header).encode() + b"\n" + body.getvalue())

    def codes(x: Tensor) -> Tensor:
        pre = x @ w["W_enc"] + w["b_enc"]
        return torch.relu(pre) if kind == "Relu" else largest(pre, 7)

    def rebuilt(x: Tensor) -> Tensor:
        return codes(x) @ w["W_dec"] + w["b_dec"]

    return Twin(write, codes, rebuilt, lambda x: w["W_dec"].norm(dim=1).expand(len(x), K), {})


def dictionary_learning(kind: str) -> Twin:
    w = plain()
    enc, eb, dec, db = w["W_enc"], w["b_enc"], w["W_dec"], w["b_dec"]
    linear = {"encoder.weight": enc.T, "encoder.bias": eb, "decoder.weight": dec.T}
    kept = {"k": torch.tensor(3, dtype=torch.int), "threshold": torch.tensor(0.4)}
    r, m = drawn(K, seed=1) / 2, drawn(K, seed=2)
    level = drawn(K, seed=5).abs()
    gated = {"encoder.weight": enc.T, "decoder.weight": dec.T, "decoder_bias": db}
    tensors = {
        "AutoEncoder": linear | {"bias": db},
        "AutoEncoderNew": linear | {"decoder.bias": db},
        "GatedAutoEncoder": gated | {"r_mag": r, "gate_bias": eb, "mag_bias": m},
        "JumpReluAutoEncoder": w | {"threshold": level},
        "AutoEncoderTopK": linear | {"b_dec": db} | kept,
        "BatchTopKSAE": linear | {"b_dec": db} | kept,
        "MatryoshkaBatchTopKSAE": w | kept | {"group_sizes": torch.tensor([4, 6])},
    }[kind]
    length = dec.norm(dim=1)
    weighted = kind in ("GatedAutoEncoder", "JumpReluAutoEncoder")

    def codes(x: Tensor) -> Tensor:
        z = x if kind in ("AutoEncoderNew", "JumpReluAutoEncoder") else x - db
        pre = z @ enc + eb
        if kind == "GatedAutoEncoder":
            found = (pre > 0) * torch.relu(r.exp() * (z @ enc) + m)
        elif kind == "JumpReluAutoEncoder":
            found = torch.relu(pre * (pre > level))
        elif kind == "AutoEncoderTopK":
            found = largest(torch.relu(pre), 3)
        elif "BatchTopK" in kind:
            found = torch.relu(pre) * (torch.relu(pre) > 0.4)
        else:
            found = torch.relu(pre)
        return found * length if weighted else found

    def rebuilt(x: Tensor) -> Tensor:
        return (codes(x) / (length if weighted else 1)) @ dec + db

    facts = {"trainer": {"dict_class": kind, "k": 3, "layer": 8}, "buffer": {"d_submodule": D}}

    def write(folder: Path) -> None:
        saved(tensors, facts, name="ae.pt")(folder)
        results = {"frac_variance_explained": 0.75, "l0": 3.0, "frac_alive": 1.0}
        (folder / "eval_results.json").write_text(json.dumps(results))

    def adds(x: Tensor) -> Tensor:
        return (torch.ones(K) if weighted else length).expand(len(x), K)

    return Twin(write, codes, rebuilt, adds, {})


def overcomplete(kind: str) -> Twin:
    w = plain()
    rows = torch.nn.functional.normalize(w["W_dec"], dim=1)
    norm = {
        "encoder.final_block.1.weight": drawn(K, seed=1).abs() + 0.5,
        "encoder.final_block.1.bias": drawn(K, seed=2),
        "encoder.final_block.1.running_mean": drawn(K, seed=4),
        "encoder.final_block.1.running_var": drawn(K, seed=5).abs() + 0.5,
        "encoder.final_block.1.num_batches_tracked": torch.tensor(9),
    }
    tensors = {
        "encoder.final_block.0.weight": w["W_enc"].T,
        "encoder.final_block.0.bias": w["b_enc"],
    }
    tensors |= norm | {"dictionary.multiplier": torch.tensor(0.7)}
    if kind == "archetypal":
        points, shares = drawn(15, D, seed=6), drawn(K, 15, seed=7)
        relax = drawn(K, D, seed=8) / 10
        tensors |= {"dictionary.C": points, "dictionary.W": shares, "dictionary.Relax": relax}
        shares = torch.relu(shares)
        rows = (shares / (shares.sum(1, keepdim=True) + 1e-8)) @ points + relax
    else:  # one step of training after they were made unit rows
        tensors["dictionary._weights"] = rows * (1 + drawn(K, 1, seed=9) / 500)
    if kind == "jump":
        tensors["thresholds"] = drawn(K, seed=3) - 1
    dictionary = rows * torch.tensor(0.7).exp()

    def codes(x: Tensor) -> Tensor:
        layer = torch.nn.BatchNorm1d(K).eval()
        layer.load_state_dict({n.rsplit(".", 1)[1]: t for n, t in norm.items()})
        found = torch.relu(layer(x @ w["W_enc"] + w["b_enc"]).detach())
        return (
            found * (found >= tensors["thresholds"].exp()) if kind == "jump" else largest(found, 3)
        )

    return Twin(
        saved(tensors, {}, name="model.pt"),
        codes,
        lambda x: codes(x) @ dictionary,
        lambda x: dictionary.norm(dim=1).expand(len(x), K),
        {} if kind == "jump" else {"top_k": 3},
    )


def visaebench(activation: str) -> Twin:
    w = plain()
    tensors = {
        "encoder.weight": w["W_enc"].T,
        "encoder.bias": w["b_enc"],
        "decoder.weight": w["W_dec"],
        "decoder.bias": w["b_dec"],
    }
    if activation == "jumprelu":
        tensors["jump_thresholds"] = drawn(K, seed=5).abs()
    facts = {"activation": activation, "k": 3, "input_dim": D, "hidden_dim": K}
    if activation == "batchtopk":
        facts["threshold"] = 0.35

    def codes(x: Tensor) -> Tensor:
        pre = torch.relu(x @ w["W_enc"] + w["b_enc"])
        if activation == "topk":
            return largest(pre, 3)
        return pre * (pre > tensors.get("jump_thresholds", torch.full((K,), 0.35)))

    return Twin(
        saved(tensors, facts, name="sae.pt"),
        codes,
        lambda x: codes(x) @ w["W_dec"] + w["b_dec"],
        lambda x: w["W_dec"].norm(dim=1).expand(len(x), K),
        {},
    )


def dn_cbm() -> Twin:
    w = plain()

    def write(folder: Path) -> None:
        tensors = {
            "tied_bias": w["b_dec"][None],
            "pre_encoder_bias._bias_reference": w["b_dec"][None],
            "encoder.weight": w["W_enc"].T[None],
            "encoder.bias": w["b_enc"][None],
            "decoder.weight": w["W_dec"].T[None],
            "post_decoder_bias._bias_reference": w["b_dec"][None],
        }
        torch.save(tensors, folder / "sparse_autoencoder_final.pt")
        (folder / "concept_names.csv").write_text("".join(f"{i},word {i}\n" for i in range(K)))
        torch.save(
            {"model": {"weight": drawn(3, K)}, "epoch": 2}, folder / "on_concepts_final_x.pt"
        )
        (folder / "classes.txt").write_text("wren\nheron\nfinch\n")

    def codes(x: Tensor) -> Tensor:
        return torch.relu((x - w["b_dec"]) @ w["W_enc"] + w["b_enc"])

    return Twin(
        write,
        codes,
        lambda x: codes(x) @ w["W_dec"] + w["b_dec"],
        lambda x: w["W_dec"].norm(dim=1).expand(len(x), K),
        {},
    )


def components() -> Twin:
    """Principal components: an orthonormal array and a mean."""
    rows = torch.linalg.qr(drawn(D, 4)).Q.T
    mean = drawn(D)

    def write(folder: Path) -> None:
        np.savez(folder / "pca.npz", components=rows.numpy(), mean=mean.numpy())

    def codes(x: Tensor) -> Tensor:
        return (x - mean) @ rows.T

    return Twin(write, codes, lambda x: codes(x) @ rows + mean, lambda x: torch.ones(len(x), 4), {})


TWINS: dict[str, Twin] = {
    "SAELens standard": saelens("standard"),
    "SAELens standard, b_dec kept": saelens("standard", apply_b_dec_to_input=False),
    "SAELens standard, tanh-relu": saelens("standard", activation_fn_str="tanh-relu"),
    "SAELens standard, finetuned": saelens("standard", finetuning_scaling_factor=True),
    "SAELens gated": saelens("gated"),
    "SAELens jumprelu": saelens("jumprelu", apply_b_dec_to_input=False),
    "SAELens topk": saelens("topk", k=3),
    "SAELens abstopk": saelens("abstopk", k=3),
    "SAELens topk, by norm": saelens("topk", k=3, rescale_acts_by_decoder_norm=True),
    "SAELens batchtopk": saelens("batchtopk", k=2.5, rescale_acts_by_decoder_norm=True),
    "SAELens matryoshka_batchtopk": saelens("matryoshka_batchtopk", k=3, matryoshka_widths=[4, K]),
    "SAELens layer_norm": saelens("standard", "layer_norm"),
    "SAELens constant_norm_rescale": saelens("jumprelu", "constant_norm_rescale"),
    "SAELens expected_average_only_in": saelens("topk", "expected_average_only_in", k=3),
    "Prisma": prisma(),
    **{f"saev {kind}": saev(kind) for kind in ("Relu", "TopK", "BatchTopK")},
    **{
        f"dictionary_learning {kind}": dictionary_learning(kind)
        for kind in (
            "AutoEncoder",
            "AutoEncoderNew",
            "GatedAutoEncoder",
            "JumpReluAutoEncoder",
            "AutoEncoderTopK",
            "BatchTopKSAE",
            "MatryoshkaBatchTopKSAE",
        )
    },
    **{f"overcomplete {kind}": overcomplete(kind) for kind in ("topk", "jump", "archetypal")},
    **{f"ViSAEBench {kind}": visaebench(kind) for kind in ("topk", "batchtopk", "jumprelu")},
    "DN-CBM": dn_cbm(),
    "principal components": components(),
}
