"""Banks written for SAELens and read again: the same codes, where an encoder can give them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import fakes
import pytest
import torch
from elsewhere import programs
from safetensors.torch import save_file
from torch import Tensor

from core.concepts import METHODS, exported
from core.concepts.common import concept_layer
from core.concepts.imported import autoencoder
from core.metrics import reconstruction
from core.types import ConceptBank

D, K = 6, 9
ENCODED = {
    "sae": {"top_k": 3},
    "l1_sae": {},
    "batch_topk_sae": {"top_k": 3},
    "jumprelu_sae": {},
    "gated_sae": {},
    "matryoshka_sae": {"top_k": 3},
    "archetypal_sae": {"top_k": 3},
}
ALONE = {"nmf": 3, "semi_nmf": 3, "pca": 3}


def tokens() -> Tensor:
    return programs.drawn(12, 9, D, seed=3).abs()


def fitted(method: str, n: int, **params: Any) -> ConceptBank:
    steps = {} if method in ALONE or method == "kmeans" else {"n_steps": 30, "batch": 32}
    return METHODS[method].fit(fakes.fit_data(tokens()), n_concepts=n, **steps, **params)


def again(bank: ConceptBank, folder: Path) -> autoencoder.Bank:
    found = exported(bank)
    folder.mkdir(exist_ok=True)
    save_file(found.tensors, folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text(json.dumps(found.settings))
    return autoencoder.fit(fakes.fit_data(tokens()), path=str(folder))


def same(bank: ConceptBank, back: autoencoder.Bank) -> None:
    x = tokens().flatten(0, 1)
    codes = bank.encode(x)
    assert (codes != 0).any()
    torch.testing.assert_close(back.encode(x), codes, rtol=1e-5, atol=1e-6)
    rebuilt = reconstruction.rebuilt(bank, x, codes)
    torch.testing.assert_close(
        reconstruction.rebuilt(back, x, back.encode(x)), rebuilt, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("method", ENCODED)
def test_an_autoencoder_comes_back(method: str, tmp_path: Path) -> None:
    bank = fitted(method, K, **ENCODED[method])
    found = exported(bank)
    assert found.encodes
    assert found.exact
    assert found.settings["d_in"] == D
    assert found.settings["d_sae"] == K
    same(bank, again(bank, tmp_path))


@pytest.mark.parametrize("method", ALONE)
def test_a_dictionary_without_an_encoder_comes_back_with_its_rule(
    method: str, tmp_path: Path
) -> None:
    bank = fitted(method, ALONE[method])
    found = exported(bank)
    assert not found.encodes
    assert found.exact
    assert found.settings["architecture"] == "dictionary"
    same(bank, again(bank, tmp_path))


def test_codes_that_no_rule_gives_leave_the_directions(tmp_path: Path) -> None:
    bank = fitted("kmeans", 3)
    found = exported(bank)
    assert not found.exact
    back = again(bank, tmp_path)
    torch.testing.assert_close(back.directions, bank.directions)
    assert back.offset is None
    layer = concept_layer.of(programs.drawn(3, D).double().numpy(), programs.drawn(3).numpy())
    assert set(exported(layer).tensors) == {"W_dec"}


@pytest.mark.parametrize(
    "name",
    [
        "SAELens gated",
        "SAELens abstopk",
        "SAELens layer_norm",
        "SAELens standard, tanh-relu",
        "SAELens matryoshka_batchtopk",
        "saev TopK",
        "dictionary_learning GatedAutoEncoder",
        "principal components",
    ],
)
def test_what_was_imported_is_exported(name: str, tmp_path: Path) -> None:
    twin = programs.TWINS[name]
    (tmp_path / "in").mkdir()
    twin.write(tmp_path / "in")
    data = fakes.fit_data(tokens())
    bank = autoencoder.fit(data, path=str(tmp_path / "in"), **twin.params)
    assert exported(bank).exact == (name != "saev TopK")
    if exported(bank).exact:
        same(bank, again(bank, tmp_path / "out"))
