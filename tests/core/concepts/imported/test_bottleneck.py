"""Concept bottlenecks trained elsewhere: the layer, its names, and the read-out of classes."""

from __future__ import annotations

from pathlib import Path

import fakes
import numpy as np
import pytest
import torch

from core.bottleneck import logits
from core.concepts import restore
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
