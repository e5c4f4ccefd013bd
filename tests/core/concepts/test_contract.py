"""What every concept method keeps, and what each one finds."""

from __future__ import annotations

import itertools
import re
import tempfile
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import fakes
import numpy as np
import pytest
import reference
import torch
from safetensors.torch import save_file
from torch import Tensor

from core.concepts import METHODS, parameters, restore
from core.concepts.bottlenecks import cav
from core.concepts.factors import nmf
from core.concepts.sae import topk
from core.types import ConceptBank, FitData, Labels

SMALL: dict[str, Any] = {"top_k": 2, "n_steps": 40, "batch": 32, "n_prototypes": 2}
"""given to every method that has such a parameter"""
N_IMAGES, N_TOKENS, WIDTH, N_CONCEPTS = 24, 15, 7, 3


def tokens(*, seed: int = 0, n: int = N_IMAGES) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(n, N_TOKENS, WIDTH, generator=generator).square()


def labelled(x: Tensor, *, n_train: int = 16) -> FitData:
    """Labels that say which of the first four channels is above its median."""
    pooled = x.mean(1).numpy()[:, :4]
    values = (pooled > np.median(pooled, axis=0)).astype(float)
    return fakes.fit_data(
        x, Labels(("a", "b", "c", "d"), values[:n_train], values[n_train:], "image")
    )


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def fit(method: str, data: FitData, **params: Any) -> ConceptBank:
    known = parameters(METHODS[method].fit)
    small = {name: value for name, value in SMALL.items() if name in known}
    if method == "imported_sae":
        small = {"path": trained_elsewhere()}
    if method == "imported_cbm":
        small = {"path": bottleneck_elsewhere()}
    return METHODS[method].fit(data, **{**small, "n_concepts": N_CONCEPTS, **params})


@cache
def trained_elsewhere() -> str:
    """A file of random weights under the names that most people use."""
    generator = torch.Generator().manual_seed(9)
    shapes = {
        "W_enc": (WIDTH, N_CONCEPTS),
        "b_enc": (N_CONCEPTS,),
        "W_dec": (N_CONCEPTS, WIDTH),
        "b_dec": (WIDTH,),
    }
    path = Path(tempfile.mkdtemp()) / "sae.safetensors"
    save_file({n: torch.randn(*shape, generator=generator) for n, shape in shapes.items()}, path)
    return str(path)


@cache
def bottleneck_elsewhere() -> str:
    """A folder as the label-free CBM's code writes it."""
    generator = torch.Generator().manual_seed(9)
    folder = Path(tempfile.mkdtemp())
    shapes = {
        "W_c": (N_CONCEPTS, WIDTH),
        "W_g": (4, N_CONCEPTS),
        "b_g": (4,),
        "proj_mean": (1, N_CONCEPTS),
        "proj_std": (1, N_CONCEPTS),
    }
    for name, shape in shapes.items():
        torch.save(torch.rand(*shape, generator=generator) + 0.1, folder / f"{name}.pt")
    (folder / "concepts.txt").write_text("\n".join(f"word {i}" for i in range(N_CONCEPTS)))
    return str(folder)


@cache
def fitted(method: str, **params: Any) -> ConceptBank:
    return fit(method, labelled(tokens()), **params)


@pytest.mark.parametrize("leading", [(), (6,), (2, 3), (1, 3, 5)])
def test_every_leading_axis_survives_encoding(method: str, leading: tuple[int, ...]) -> None:
    x = torch.rand(*leading, WIDTH, generator=torch.Generator().manual_seed(1))
    bank = fitted(method)
    codes = bank.encode(x)
    assert codes.shape == (*leading, N_CONCEPTS)
    # where tokens are judged beside each other, an image is the smallest thing that can be encoded
    if METHODS[method].image_wise:
        images = x.reshape(-1, leading[-1], WIDTH) if leading else x[None, None]
        flat = torch.cat([bank.encode(image) for image in images])
    else:
        flat = bank.encode(x.reshape(-1, WIDTH))
    torch.testing.assert_close(codes.reshape(-1, N_CONCEPTS), flat, rtol=1e-4, atol=1e-5)


def test_no_tokens_have_no_codes(method: str) -> None:
    for leading in ((0,), (0, 4)):
        assert fitted(method).encode(torch.zeros(*leading, WIDTH)).shape == (*leading, N_CONCEPTS)


def test_only_signed_banks_give_negative_codes(method: str) -> None:
    bank = fitted(method)
    codes = bank.encode(tokens(seed=2))
    assert bool((codes < 0).any()) == bank.signed
    assert (codes != 0).any()


def test_same_seed_gives_the_same_bank(method: str) -> None:
    one, two = (fit(method, labelled(tokens()), seed=4).tensors() for _ in range(2))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("seeded", ["nmf", "sae"])
def test_another_seed_starts_elsewhere(seeded: str) -> None:
    assert not torch.equal(fitted(seeded, seed=4).directions, fitted(seeded, seed=5).directions)


def test_directions_are_unit_rows(method: str) -> None:
    directions = fitted(method).directions
    assert directions.shape == (N_CONCEPTS, WIDTH)
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(N_CONCEPTS))


def test_restored_bank_encodes_the_same(method: str) -> None:
    bank = fitted(method)
    back = restore(method, {name: t.clone() for name, t in bank.tensors().items()})
    assert torch.equal(back.encode(tokens(seed=2)), bank.encode(tokens(seed=2)))
    assert back.signed == bank.signed
    assert (back.offset is None) == (bank.offset is None)


def test_facts_are_one_row_a_concept_or_none(method: str) -> None:
    assert len(fitted(method).facts()) in (0, N_CONCEPTS)


def test_progress_is_told(method: str) -> None:
    said: list[str] = []
    data = labelled(tokens())
    fit(method, replace(data, progress=said.append))
    assert said


def test_every_method_says_what_it_is() -> None:
    titles = [m.title for m in METHODS.values()]
    assert len(set(titles)) == len(titles)
    for method in METHODS.values():
        assert method.title[0].isupper()
        assert re.fullmatch(r"[A-Z].{10,}\.", method.about), method.about
        assert method.code_unit


def test_unknown_method_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'lda'; known: nmf, semi_nmf, convex_nmf"):
        restore("lda", {})


# -- what is refused ---------------------------------------------------------------------------


def test_nmf_refuses_signed_activations_and_names_another_method() -> None:
    with pytest.raises(ValueError, match=r"(?i)negative.*semi.?nmf"):
        nmf.fit(fakes.fit_data(tokens() - 0.1), n_concepts=3)


def test_nmf_refuses_more_concepts_than_it_can_tell_apart() -> None:
    with pytest.raises(ValueError, match=r"8 concepts.*at most 7"):
        nmf.fit(fakes.fit_data(tokens()), n_concepts=8)


def test_nmf_refuses_silence() -> None:
    with pytest.raises(ValueError, match="every activation is zero"):
        nmf.fit(fakes.fit_data(torch.zeros(6, 15, 7)), n_concepts=3)


@pytest.mark.parametrize("top_k", [0, 6])
def test_sae_refuses_more_active_latents_than_it_has(top_k: int) -> None:
    with pytest.raises(ValueError, match=rf"n_concepts = 5, not {top_k}"):
        topk.fit(fakes.fit_data(tokens()), n_concepts=5, top_k=top_k)


def test_sae_refuses_fewer_tokens_than_latents() -> None:
    with pytest.raises(ValueError, match=r"241 latents.*there are 240"):
        topk.fit(fakes.fit_data(tokens()), n_concepts=241)


def test_sae_refuses_equal_tokens() -> None:
    with pytest.raises(ValueError, match="all tokens are equal"):
        topk.fit(fakes.fit_data(torch.ones(6, 15, 7)), n_concepts=3, top_k=1)


def test_cav_refuses_data_without_labels() -> None:
    with pytest.raises(ValueError, match="needs labelled concepts"):
        cav.fit(fakes.fit_data(tokens()))


def test_cav_refuses_labels_that_hardly_vary() -> None:
    with pytest.raises(ValueError, match="at least 9 train images"):
        cav.fit(labelled(tokens()), min_each=9)


# -- what is found -----------------------------------------------------------------------------


def planted(*, width: int = 19, n_parts: int = 8, n: int = 120) -> tuple[Tensor, Tensor]:
    """Tokens that are sparse non-negative mixtures of known non-negative directions."""
    generator = torch.Generator().manual_seed(7)
    parts = torch.rand(n_parts, width, generator=generator)
    parts = parts * (torch.rand(n_parts, width, generator=generator) < 0.3)
    parts = parts / parts.norm(dim=1, keepdim=True)
    on = torch.rand(n, N_TOKENS, n_parts, generator=generator) < 0.15
    amount = 0.5 + torch.rand(n, N_TOKENS, n_parts, generator=generator)
    return (amount * on) @ parts, parts


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("nmf", {"n_concepts": 8}),
        (
            "sae",
            {
                "n_concepts": 11,
                "top_k": 2,
                "n_steps": 900,
                "batch": 128,
                "lr": 5e-3,
                "revive_every": 50,
            },
        ),
    ],
)
def test_planted_parts_are_recovered(name: str, params: dict[str, Any]) -> None:
    x, parts = planted()
    bank = METHODS[name].fit(fakes.fit_data(x), **params)
    cosine = parts @ bank.directions.T
    assert cosine.max(1).values.min() > 0.95
    assert len(set(cosine.argmax(1).tolist())) == len(parts)


def test_planted_label_direction_is_recovered() -> None:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(500, N_TOKENS, WIDTH, generator=generator)
    directions = torch.linalg.qr(torch.randn(WIDTH, 2, generator=generator)).Q.T
    present = torch.rand(500, 2, generator=generator) < 0.5
    x += 0.6 * (present.float() @ directions)[:, None]
    values = present.numpy().astype(float)
    data = fakes.fit_data(x, Labels(("one", "two"), values[:400], values[400:], "image"))
    bank = cav.fit(data)
    assert (bank.directions * directions).sum(1).min() > 0.95
    assert all(fact["test_auc"] > 0.9 for fact in bank.facts())


def test_nmf_error_falls_with_every_concept() -> None:
    x = tokens()
    errors = []
    for k in range(1, WIDTH + 1):
        bank = nmf.fit(fakes.fit_data(x), n_concepts=k, tol=1e-6)
        errors.append((x - bank.encode(x) @ bank.directions).square().sum().item())
    assert all(b < a for a, b in itertools.pairwise(errors))
    assert errors[-1] < 0.02 * errors[0]


def test_nmf_codes_are_the_non_negative_least_squares_solution() -> None:
    x = tokens(seed=2).flatten(0, 1)
    bank = fitted("nmf", n_concepts=5)
    expected = reference.nnls_codes(x.numpy(), bank.directions.numpy())
    np.testing.assert_allclose(bank.encode(x).numpy(), expected, atol=2e-4 * expected.max())


def test_sae_codes_are_the_strongest_latents_of_each_token() -> None:
    bank = fitted("sae", n_concepts=11, top_k=3)
    assert isinstance(bank, topk.Bank)
    x = tokens(seed=2)
    codes = bank.encode(x)
    assert int((codes > 0).sum(-1).max()) == 3
    pre = torch.relu((x - bank.decoder_bias) @ bank.encoder.T + bank.encoder_bias)
    threshold = pre.sort(dim=-1, descending=True).values[..., 2:3]
    assert torch.equal(codes, torch.where(pre >= threshold, pre, 0.0))


def test_untied_sae_adds_its_bias_only_after() -> None:
    bank = fitted("sae", tied=False)
    assert isinstance(bank, topk.Bank)
    x = tokens(seed=2)
    pre = torch.relu(x @ bank.encoder.T + bank.encoder_bias)
    assert bank.encode(x).max() == pre.max()


def test_cav_map_averages_to_the_score_of_the_mean_token() -> None:
    bank, x = fitted("cav"), tokens(seed=2)
    torch.testing.assert_close(bank.encode(x).mean(1), bank.encode(x.mean(1)), rtol=1e-6, atol=1e-6)


def test_cav_code_is_the_signed_distance_to_the_separator() -> None:
    bank = fitted("cav")
    assert isinstance(bank, cav.Bank)
    on_it = -bank.bias[:, None] * bank.directions
    torch.testing.assert_close(bank.encode(on_it).diagonal(), torch.zeros(3), rtol=0, atol=1e-6)
    beyond = on_it + 2.5 * bank.directions
    torch.testing.assert_close(bank.encode(beyond).diagonal(), torch.full((3,), 2.5))


def test_cav_measures_what_it_says() -> None:
    data = labelled(tokens())
    assert data.labels is not None
    bank = cav.fit(data)
    for k, fact in enumerate(bank.facts()):
        margin = bank.encode(torch.from_numpy(data.pooled_test)).numpy()[:, k]
        label = data.labels.test[:, int(fact["label"])]
        assert fact["test_accuracy"] == ((margin > 0) == (label == 1)).mean()
        assert fact["test_auc"] == pytest.approx(reference.auc(margin, label))
        assert fact["base_rate"] == label.mean()


def test_cav_keeps_the_most_evenly_labelled_concepts() -> None:
    x = tokens()
    train = np.zeros((16, 3))
    train[:2, 0] = train[:8, 1] = train[:6, 2] = 1
    data = fakes.fit_data(x, Labels(("rare", "even", "some"), train, np.zeros((8, 3)), "image"))
    bank = cav.fit(data, n_concepts=2, min_each=2)
    assert [fact["label"] for fact in bank.facts()] == [1, 2]
    assert all(np.isnan(fact["test_auc"]) for fact in bank.facts())


def test_cav_passes_over_unknown_labels() -> None:
    data = labelled(tokens())
    assert data.labels is not None
    known = cav.fit(data, min_each=2)
    holed = data.labels.train.copy()
    holed[5, :] = np.nan
    holes = cav.fit(
        FitData(
            data.tokens,
            data.pooled,
            data.pooled_test,
            Labels(data.labels.names, holed, data.labels.test, "image"),
        ),
        min_each=2,
    )
    moved = data.pooled.copy()
    moved[5] += 1000  # an unknown image weighs nothing, wherever it lies
    again = cav.fit(
        FitData(
            data.tokens,
            moved,
            data.pooled_test,
            Labels(data.labels.names, holed, data.labels.test, "image"),
        ),
        min_each=2,
    )
    assert torch.equal(holes.directions, again.directions)
    assert not torch.equal(holes.directions, known.directions)
