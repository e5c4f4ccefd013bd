"""Concept bottlenecks trained elsewhere: the layer, its names, and the read-out of classes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import fakes
import numpy as np
import pytest
import torch

from core.bottleneck import logits
from core.concepts import kind_of, restore
from core.concepts.common import concept_layer
from core.concepts.imported import bottleneck
from core.types import FitData, words_of

D, K, Y = 7, 4, 3


def data() -> FitData:
    return fakes.fit_data(torch.rand(9, 3, D, generator=torch.Generator().manual_seed(0)))


def folder(path: Path, **changed: torch.Tensor | None) -> Path:
    generator = torch.Generator().manual_seed(1)
    tensors: dict[str, torch.Tensor | None] = {
        "W_c": torch.randn(K, D, generator=generator),
        "W_g": torch.randn(Y, K, generator=generator),
        "b_g": torch.randn(Y, generator=generator),
        "proj_mean": torch.randn(1, K, generator=generator),
        "proj_std": torch.rand(1, K, generator=generator) + 0.5,
        **changed,
    }
    path.mkdir(exist_ok=True)
    for name, tensor in tensors.items():
        if tensor is not None:
            torch.save(tensor, path / f"{name}.pt")
    (path / "concepts.txt").write_text("red beak\nblue wing\nlake\ntail, ünï\n", encoding="utf-8")
    (path / "classes.txt").write_text("wren\nheron\nfinch\n", encoding="utf-8")
    return path


def test_an_imported_bottleneck_is_the_one_that_was_trained(tmp_path: Path) -> None:
    path = folder(tmp_path / "lf")
    bank = bottleneck.fit(data(), path=str(path))
    t = {
        n: torch.load(path / f"{n}.pt", weights_only=True)
        for n in ("W_c", "W_g", "b_g", "proj_mean", "proj_std")
    }
    x = torch.randn(6, D, generator=torch.Generator().manual_seed(2))
    projected = (x @ t["W_c"].T - t["proj_mean"]) / t["proj_std"]
    torch.testing.assert_close(bank.encode(x), projected, rtol=1e-4, atol=1e-5)
    back = restore("imported_cbm", {n: v.clone() for n, v in bank.tensors().items()})
    assert words_of(back) == ("red beak", "blue wing", "lake", "tail, ünï")
    assert isinstance(back, concept_layer.Bank)
    assert back.readout is not None
    assert back.readout.classes == ("wren", "heron", "finch")
    found = logits(back.readout.head, projected.numpy())
    np.testing.assert_allclose(found, projected @ t["W_g"].T + t["b_g"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"W_c": torch.zeros(K, D + 2)}, r"W_c has shape \(4, 9\).*has 7 features"),
        ({"W_c": torch.zeros(K + 1, D)}, "concepts.txt names 4 concepts, W_c has 5 rows"),
        ({"proj_std": None}, "lacks proj_std; it has W_c, W_g"),
        ({"proj_std": torch.zeros(K)}, "proj_std of 4 concepts is 0 or less"),
        ({"proj_mean": torch.zeros(K + 1)}, r"proj_mean has shape \(5,\); it must hold 4"),
        ({"W_g": None}, "has b_g only"),
        ({"W_g": torch.zeros(Y, K - 1)}, r"must be classes x 4 concepts"),
        ({"b_g": torch.zeros(Y + 1)}, "must hold 3 numbers"),
        ({"W_c": torch.full((K, D), float("nan"))}, "W_c has values that are NaN"),
    ],
)
def test_an_import_that_does_not_fit_says_why(
    tmp_path: Path, changed: dict[str, torch.Tensor | None], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        bottleneck.fit(data(), path=str(folder(tmp_path / "lf", **changed)))


def test_an_import_of_nothing_or_of_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'nowhere' is none"):
        bottleneck.fit(data(), path="nowhere")
    path = folder(tmp_path / "lf")
    torch.save(Path("/"), path / "W_c.pt")  # an object: loading it could run code
    with pytest.raises(ValueError, match=r"W_c\.pt cannot be read as tensors"):
        bottleneck.fit(data(), path=str(path))


# -- files of a concept layer ----------------------------------------------------------------------


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


NAMES, CLASSES = ("red beak", "blue wing", "lake", "tail"), ("wren", "heron", "finch")


def post_hoc(path: Path) -> None:
    """A concept bank and the state of the classifier that reads it, as converted from pickles."""
    np.savez(
        path / "pcbm.npz",
        vectors=drawn(K, D) * 3,
        intercepts=drawn(K, 1),
        names=np.array(NAMES),
        classes=np.array(CLASSES),
        **{"classifier.weight": drawn(Y, K), "classifier.bias": drawn(Y)},
    )


def joint(path: Path) -> None:
    """An encoder and a predictor of pytorch_concepts, side by side in one module."""
    layers = {
        "encoder_layer.encoder.weight": drawn(K, D),
        "encoder_layer.encoder.bias": drawn(K),
        "y_predictor.predictor.weight": drawn(Y, K),
        "y_predictor.predictor.bias": drawn(Y),
    }
    torch.save(layers, path / "model.pt")
    (path / "concepts.txt").write_text("\n".join(NAMES))
    (path / "classes.txt").write_text("\n".join(CLASSES))


def one_by_one(path: Path) -> None:
    """An encoder a concept, as its graphical models hold them."""
    layers: dict[str, torch.Tensor] = {}
    for i in range(K):
        layers[f"model.factors.c{i}.parametrization.encoder.0.weight"] = drawn(K, D)[i : i + 1]
        layers[f"model.factors.c{i}.parametrization.encoder.0.bias"] = drawn(K)[i : i + 1]
    layers["model.factors.y.parametrization.predictor.weight"] = drawn(Y, K)
    layers["model.factors.y.parametrization.predictor.bias"] = drawn(Y)
    torch.save(layers, path / "model.pt")
    (path / "concepts.txt").write_text("\n".join(NAMES))
    (path / "classes.txt").write_text("\n".join(CLASSES))


@pytest.mark.parametrize("write", [post_hoc, joint, one_by_one])
def test_a_file_of_a_concept_layer_is_the_layer_that_was_trained(
    write: Callable[[Path], None], tmp_path: Path
) -> None:
    write(tmp_path)
    x = drawn(6, D, seed=4)
    weight, bias = drawn(K, D), drawn(K)
    if write is post_hoc:
        # the distance to each concept's plane
        weight, bias = weight * 3, drawn(K, 1)[:, 0]
        length = (weight**2).sum(1).sqrt()
        expected = (x @ weight.T + bias) / length
    else:
        expected = x @ weight.T + bias
    assert kind_of(tmp_path) == ("imported_cbm", False, True, "")
    bank = bottleneck.fit(data(), path=str(tmp_path))
    torch.testing.assert_close(bank.encode(x), expected, rtol=1e-5, atol=1e-5)
    assert words_of(bank) == NAMES
    assert bank.readout is not None
    assert bank.readout.classes == CLASSES
    found = logits(bank.readout.head, expected.numpy())
    torch.testing.assert_close(
        torch.from_numpy(found).float(), expected @ drawn(Y, K).T + drawn(Y), rtol=1e-5, atol=1e-5
    )


def test_vectors_of_norm_1_need_no_names_and_no_read_out(tmp_path: Path) -> None:
    cavs = torch.nn.functional.normalize(drawn(K, D), dim=1)
    torch.save({"cavs": cavs, "bias": drawn(K), "fitted": torch.tensor(True)}, tmp_path / "c.pt")
    bank = bottleneck.fit(data(), path=str(tmp_path / "c.pt"))
    x = drawn(6, D, seed=4)
    torch.testing.assert_close(bank.encode(x), x @ cavs.T + drawn(K), rtol=1e-5, atol=1e-5)
    assert words_of(bank) == ()
    assert bank.readout is None
    assert kind_of(tmp_path) == ("imported_cbm", False, False, "")


def test_a_hybrid_says_that_its_plain_part_is_left_out(tmp_path: Path) -> None:
    tensors = {"vectors": drawn(K, D), "intercepts": drawn(K), "classifier.weight": drawn(Y, K)}
    torch.save(tensors | {"residual_classifier.weight": drawn(Y, D)}, tmp_path / "h.pt")
    bank = bottleneck.fit(data(), path=str(tmp_path))
    assert bank.readout is not None
    assert "plain features is left out" in bank.readout.about


@pytest.mark.parametrize(
    ("tensors", "said"),
    [
        ({"vectors": drawn(K, D + 1)}, r"concept layer for 8 features, but .* layer has 7"),
        ({"vectors": drawn(K, D), "intercepts": drawn(K + 1)}, "4 concepts and 5 intercepts"),
        ({"vectors": drawn(K, D), "classifier.weight": drawn(Y, K + 1)}, "classes x 4 concepts"),
        ({"vectors": drawn(K, D) / 0}, "NaN or infinite"),
        ({"W_enc": drawn(K, D)}, "is no concept layer: it has W_enc"),
    ],
)
def test_a_file_of_a_concept_layer_that_does_not_fit_says_why(
    tensors: dict[str, torch.Tensor], said: str, tmp_path: Path
) -> None:
    torch.save(tensors, tmp_path / "h.pt")
    with pytest.raises(ValueError, match=said):
        bottleneck.fit(data(), path=str(tmp_path / "h.pt"))
