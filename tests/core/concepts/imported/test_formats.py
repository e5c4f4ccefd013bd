"""Files in other programs' own layouts, beside what those programs compute."""

from __future__ import annotations

import json
import math
from pathlib import Path

import fakes
import numpy as np
import pytest
import torch
from elsewhere import programs
from safetensors.torch import save_file
from torch import Tensor

from core.concepts import METHODS
from core.concepts.factors import nnls
from core.concepts.imported import autoencoder
from core.metrics import reconstruction
from core.types import FitData, words_of

D, K = programs.D, programs.K


def data(width: int = D) -> FitData:
    return fakes.fit_data(programs.drawn(9, 5, width))


def tokens() -> Tensor:
    return programs.drawn(40, D, seed=11) * 2 + 0.3


def imported(name: str, folder: Path) -> autoencoder.Bank:
    twin = programs.TWINS[name]
    twin.write(folder)
    return autoencoder.fit(data(), path=str(folder), **twin.params)


@pytest.mark.parametrize("name", programs.TWINS)
def test_codes_and_reconstruction_are_those_of_the_program_that_trained_it(
    name: str, tmp_path: Path
) -> None:
    bank, x, twin = imported(name, tmp_path), tokens(), programs.TWINS[name]
    expected = twin.codes(x)
    torch.testing.assert_close(bank.encode(x), expected * twin.adds(x), rtol=1e-5, atol=1e-5)
    rebuilt = reconstruction.rebuilt(bank, x, bank.encode(x))
    torch.testing.assert_close(rebuilt, twin.rebuilt(x), rtol=1e-5, atol=1e-5)
    assert (expected != 0).any()
    assert bank.signed == bool((expected < 0).any())
    again = METHODS["imported_sae"].bank(**bank.tensors())
    assert torch.equal(again.encode(x), bank.encode(x))


def test_what_a_file_promises_is_known(tmp_path: Path) -> None:
    for name, fvu, l0 in (
        ("Prisma", 0.183, 4.5),
        ("dictionary_learning AutoEncoder", 0.25, 3.0),
        ("SAELens topk", None, 3.0),
        ("SAELens batchtopk", None, 2.5),
        ("SAELens standard", None, None),
    ):
        folder = tmp_path / name
        folder.mkdir()
        found = imported(name, folder).promise
        assert (found.fvu is None) == (fvu is None)
        assert math.isclose(found.fvu or 0, fvu or 0, abs_tol=1e-6)
        assert (found.l0 or 0) == pytest.approx(l0 or 0)


def test_the_model_that_a_file_names_is_kept(tmp_path: Path) -> None:
    programs.TWINS["SAELens topk"].write(tmp_path)
    facts = json.loads((tmp_path / "cfg.json").read_text())
    facts["metadata"] = {"model_name": "vit-b"}
    (tmp_path / "cfg.json").write_text(json.dumps(facts))
    bank = autoencoder.fit(data(), path=str(tmp_path))
    assert bank.promise.model == "vit-b"
    assert bank.format == "SAELens"


def test_latents_that_were_named_and_read_elsewhere_keep_both(tmp_path: Path) -> None:
    bank = imported("DN-CBM", tmp_path)
    back = METHODS["imported_sae"].bank(**{n: t.clone() for n, t in bank.tensors().items()})
    assert words_of(back) == tuple(f"word {i}" for i in range(K))
    assert isinstance(back, autoencoder.Bank)
    assert back.readout is not None
    assert back.readout.classes == ("wren", "heron", "finch")
    np.testing.assert_array_equal(back.readout.head.weight, programs.drawn(3, K))
    (tmp_path / "concept_names.csv").write_text("0,only one\n")
    with pytest.raises(ValueError, match=r"concept_names\.csv must name latents 0 to 9"):
        autoencoder.fit(data(), path=str(tmp_path))


def test_a_scale_that_no_file_states_is_that_of_the_data(tmp_path: Path) -> None:
    twin = programs.TWINS["SAELens expected_average_only_in"]
    twin.write(tmp_path)
    (tmp_path / "activation_scaler.json").unlink()
    here, x = data(), tokens()
    norm = here.tokens.sample(999, seed=0).norm(dim=1).mean()
    bank = autoencoder.fit(here, path=str(tmp_path))
    same = autoencoder.fit(here, path=str(tmp_path), scale=float(D**0.5 / norm))
    torch.testing.assert_close(bank.encode(x), same.encode(x))
    told = autoencoder.fit(here, path=str(tmp_path), scale=0.4)
    torch.testing.assert_close(told.encode(x), twin.codes(x) * twin.adds(x))


def test_parts_without_signs_are_coded_by_least_squares(tmp_path: Path) -> None:
    rows = programs.drawn(3, D).abs()
    np.save(tmp_path / "parts.npy", rows.numpy())
    bank = autoencoder.fit(data(), path=str(tmp_path / "parts.npy"))
    unit = rows / rows.norm(dim=1, keepdim=True)
    x = tokens()
    torch.testing.assert_close(bank.encode(x), nnls.nnls_codes(x, unit))
    assert bank.offset is not None
    slanted = {"directions": programs.drawn(3, D)}
    save_file(slanted, tmp_path / "cavs.safetensors")
    bank = autoencoder.fit(data(), path=str(tmp_path / "cavs.safetensors"))
    assert bank.offset is None
    unit = slanted["directions"] / slanted["directions"].norm(dim=1, keepdim=True)
    torch.testing.assert_close(bank.encode(x), x @ unit.T)


def test_negative_codes_that_never_come_leave_a_bank_without_signs(tmp_path: Path) -> None:
    programs.TWINS["saev TopK"].write(tmp_path)
    far = fakes.fit_data(programs.drawn(9, 5, D) + 100 * programs.plain()["W_enc"].sum(1))
    lifted = autoencoder.fit(far, path=str(tmp_path))
    x = far.tokens.sample(20, seed=0)
    torch.testing.assert_close(
        lifted.encode(x),
        programs.TWINS["saev TopK"].codes(x) * lifted.strength,
        rtol=1e-4,
        atol=1e-3,
    )


class Code:
    """Anything that is no tensor."""


@pytest.mark.parametrize(
    ("write", "says"),
    [
        (lambda p: torch.save(Code(), p / "ae.pt"), r"cannot be read as tensors alone"),
        (lambda p: (p / "bank.pkl").write_bytes(b"\x80\x04N."), r"must hold one file of weights"),
        (lambda p: np.save(p / "a.npy", np.array([Code()])), r"as arrays of numbers"),
        (lambda p: torch.save({"epoch": 3}, p / "ae.pt"), r"holds no tensors, but a dict"),
        (lambda p: (p / "sae.pt").write_bytes(b"{no json\nxx"), "its first line is not valid JSON"),
        (lambda p: [(p / f"{n}.pt").touch() for n in "ab"], r"it has a\.pt, b\.pt"),
        (lambda p: (p / "layer 3").mkdir(), r"it has none, and the folders layer 3"),
        (
            lambda p: torch.save(
                {"dictionary._weights": torch.eye(D), "x": torch.eye(2)}, p / "m.pt"
            ),
            "looks like a file of overcomplete, but lacks encoder.0.weight",
        ),
    ],
)
def test_what_is_no_file_of_tensors_is_refused(write: object, says: str, tmp_path: Path) -> None:
    assert callable(write)
    write(tmp_path)
    with pytest.raises(ValueError, match=says):
        autoencoder.fit(data(), path=str(tmp_path))


def test_a_pickle_is_refused_with_how_to_convert_it(tmp_path: Path) -> None:
    (tmp_path / "bank.pkl").write_bytes(b"\x80\x04N.")
    with pytest.raises(ValueError, match=r"pickle runs code.*np\.savez\('bank\.npz', vectors="):
        autoencoder.fit(data(), path=str(tmp_path / "bank.pkl"))


def test_what_a_format_leaves_open_is_asked_for(tmp_path: Path) -> None:
    programs.TWINS["overcomplete topk"].write(tmp_path)
    with pytest.raises(ValueError, match=r"does not say how codes are kept sparse.*top_k = NUMBER"):
        autoencoder.fit(data(), path=str(tmp_path))
    every, x = autoencoder.fit(data(), path=str(tmp_path), rule="relu"), tokens()
    (tmp_path / "config.json").write_text('{"activation": "batchtopk", "threshold": 0.4}')
    batch = autoencoder.fit(data(), path=str(tmp_path))
    all_codes = every.encode(x) / every.strength
    assert ((all_codes > 0) & (all_codes < 0.4)).any()
    torch.testing.assert_close(batch.encode(x) / batch.strength, all_codes * (all_codes > 0.4))
    (tmp_path / "model.pt").unlink()
    (tmp_path / "config.json").unlink()
    programs.TWINS["dictionary_learning BatchTopKSAE"].write(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(ValueError, match=r'whose tensors are alike.*rule = "topk" or rule'):
        autoencoder.fit(data(), path=str(tmp_path))
    x, twin = tokens(), programs.TWINS["dictionary_learning BatchTopKSAE"]
    bank = autoencoder.fit(data(), path=str(tmp_path), rule="threshold")
    torch.testing.assert_close(bank.encode(x), twin.codes(x) * twin.adds(x))
    with pytest.raises(ValueError, match=r"width 6, but those of this layer have width 9"):
        autoencoder.fit(data(9), path=str(tmp_path), rule="threshold")
