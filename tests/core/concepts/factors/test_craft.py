"""CRAFT: parts of crops, their sub-parts, and codes that can be differentiated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import fakes
import numpy as np
import pytest
import torch
from reference import nnls_codes
from torch import Tensor

from core import saliency
from core.concepts.factors import craft, craft_tree, implicit
from core.concepts.factors.attribution import ScoredBackbone
from core.types import Crops, FitData


def directions(k: int = 4, d: int = 7) -> Tensor:
    rows = torch.rand(k, d, generator=torch.Generator().manual_seed(1)).double()
    return rows / rows.norm(dim=1, keepdim=True)


def tokens(n: int = 9, d: int = 7) -> Tensor:
    return torch.rand(n, d, generator=torch.Generator().manual_seed(2)).double()


# -- implicit differentiation ------------------------------------------------------------------


def test_derivative_is_that_of_finite_differences() -> None:
    x, w = tokens(), directions()
    g = torch.rand(9, 4, generator=torch.Generator().manual_seed(3)).double()
    u = torch.from_numpy(nnls_codes(x.numpy(), w.numpy()))
    assert 0 < int((u > 0).sum()) < u.numel()  # both active and inactive codes
    found = implicit.pulled_back(g, u, w)
    step = 1e-5
    for j in range(7):
        ahead, behind = x.clone(), x.clone()
        ahead[:, j] += step
        behind[:, j] -= step
        change = nnls_codes(ahead.numpy(), w.numpy()) - nnls_codes(behind.numpy(), w.numpy())
        slope = (g.numpy() * change).sum(1) / (2 * step)
        np.testing.assert_allclose(found[:, j].numpy(), slope, atol=1e-5)


def test_derivative_is_that_of_the_unrolled_solver() -> None:
    x, w = tokens().requires_grad_(True), directions()
    step = 1 / torch.linalg.eigvalsh(w @ w.T)[-1]
    u = torch.zeros(9, 4, dtype=torch.float64)
    for _ in range(3000):
        u = torch.relu(u - step * (u @ w - x) @ w.T)
    weight = torch.rand(9, 4, generator=torch.Generator().manual_seed(3)).double()
    (unrolled,) = torch.autograd.grad((weight * u).sum(), x)
    (found,) = torch.autograd.grad((weight * implicit.codes(x, w)).sum(), x)
    torch.testing.assert_close(found, unrolled, rtol=1e-3, atol=1e-4)


def test_derivative_keeps_leading_axes_and_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = tokens(12).reshape(3, 4, 7), directions()
    whole = [x.clone().requires_grad_(True) for _ in range(2)]
    implicit.codes(whole[0], w).sum().backward()
    monkeypatch.setattr(implicit, "_ENTRIES", 3 * 16)
    implicit.codes(whole[1], w).sum().backward()
    assert whole[0].grad is not None
    assert whole[0].grad.shape == (3, 4, 7)
    torch.testing.assert_close(whole[0].grad, whole[1].grad)


def test_derivative_of_the_directions_is_refused() -> None:
    with pytest.raises(ValueError, match="not by the directions"):
        implicit.codes(tokens(), directions().requires_grad_(True))


# -- the factorisation -------------------------------------------------------------------------


def planted(*, n: int = 30, k: int = 3, d: int = 7, seed: int = 4) -> tuple[Tensor, Tensor]:
    """Images whose crops (thirds) each show one part, and the parts."""
    generator = torch.Generator().manual_seed(seed)
    parts = torch.zeros(k, d)
    for i in range(k):
        parts[i, 2 * i : 2 * i + 2] = torch.tensor([3.0, 2.0])
    which = torch.randint(0, k, (n, 3), generator=generator).repeat_interleave(5, dim=1)
    strength = 0.5 + torch.rand(n, 15, 1, generator=generator)
    return parts[which] * strength, parts / parts.norm(dim=1, keepdim=True)


def test_planted_parts_of_crops_are_found() -> None:
    x, parts = planted()
    bank = craft.fit(fakes.fit_data(x), n_concepts=3)
    assert float((bank.directions @ parts.T).max(0).values.min()) > 0.999
    assert not bank.signed
    assert bank.offset is not None


def test_crops_shown_are_the_strongest_one_of_each_image() -> None:
    codes = torch.tensor([[1.0, 0.0], [5.0, 0.0], [3.0, 2.0], [4.0, 0.0]])
    box = np.arange(16.0).reshape(4, 4)
    crops = Crops(torch.zeros(4, 7), np.array([0, 0, 1, 1]), box)
    shown = craft_tree.shown(crops, codes)
    np.testing.assert_allclose(
        shown.numpy(), [[0, 0, *box[1], 5], [0, 1, *box[3], 4], [1, 1, *box[2], 2]]
    )


def test_sub_concepts_split_what_an_earlier_layer_keeps_apart() -> None:
    """One concept at the layer; earlier, its crops are of two kinds, two thirds to one."""
    n = 60
    x = torch.ones(n, 7) * (1 + 0.1 * torch.rand(n, 1, generator=torch.Generator().manual_seed(0)))
    kinds = (torch.arange(n) % 3 == 0).long()
    seen = torch.eye(2)[kinds].repeat_interleave(2, dim=1)
    box = np.tile([0.0, 0.0, 1.0, 1.0], (n, 1))

    class Source:
        asked = ""

        def take(self, **_: Any) -> Crops:
            return Crops(x, np.arange(n), box)

        def earlier(self, crops: Crops, chosen: Any, *, layer: str) -> tuple[str, Tensor]:  # noqa: ARG002
            self.asked = layer
            return "block", seen[torch.from_numpy(chosen)]

    source = Source()
    data = replace(fakes.fit_data(x.reshape(6, 10, 7)), crops=source)
    codes = x.sum(1, keepdim=True)
    tree = craft_tree.grow(data, source.take(), codes, n_parents=5, n_sub=2, layer="mine", seed=0)
    assert (tree.layer, source.asked) == ("block", "mine")
    np.testing.assert_allclose(tree.subs[:, 1].numpy(), [2 / 3, 1 / 3], atol=0.01)
    np.testing.assert_allclose(tree.subs[:, 2].numpy(), [40, 20])
    assert float(tree.subs[:, 3].max()) < 0.01
    for sub, kind in ((0, 0), (1, 1)):
        images = tree.crops[tree.crops[:, 0] == sub][:, 1].long()
        assert len(images) == craft_tree.SHOWN // 2
        assert set(kinds[images].tolist()) == {kind}


def test_signed_earlier_layer_is_refused() -> None:
    class Source(fakes.TokenCrops):
        def earlier(self, crops: Crops, chosen: Any, *, layer: str) -> tuple[str, Tensor]:
            name, x = super().earlier(crops, chosen, layer=layer)
            return name, x - 1

    x, _ = planted()
    data = replace(fakes.fit_data(x), crops=Source(x[:20]))
    with pytest.raises(ValueError, match=r"CRAFT at layer early needs activations >= 0"):
        craft.fit(data, n_concepts=3, sub_layer="early")


@pytest.mark.parametrize("rank", [1, 2])
def test_a_concept_whose_crops_are_of_lower_rank_earlier_stays_whole(rank: int) -> None:
    class Source(fakes.TokenCrops):
        def earlier(self, crops: Crops, chosen: Any, *, layer: str) -> tuple[str, Tensor]:
            name, x = super().earlier(crops, chosen, layer=layer)
            generator = torch.Generator().manual_seed(1)
            few = torch.rand(len(x), rank, generator=generator)
            return name, few @ torch.rand(rank, 8, generator=generator)

    x, _ = planted()
    bank = craft.fit(replace(fakes.fit_data(x), crops=Source(x[:20])), n_concepts=3, n_sub=2)
    assert (len(bank.subs) > 0) == (rank == 2)


def per_class() -> tuple[FitData, Tensor]:
    """Class 2 shows part 0 only, class 5 parts 1 and 2; some images are unlabelled."""
    x, parts = planted(n=30)
    generator = torch.Generator().manual_seed(6)
    classes = np.array([2, 5, 5, -1] * 5)
    for i, c in enumerate(classes):
        which = {2: [0, 0], 5: [1, 2], -1: [0, 2]}[int(c)]
        strength = 0.5 + torch.rand(15, 1, generator=generator)
        rows = torch.tensor(which).repeat(8)[:15]
        # a little of another part, so that class 2 has two to find
        x[i] = (parts[rows] + 0.2 * parts[(rows + 1) % 3] * torch.rand(15, 1)) * strength
    return replace(fakes.fit_data(x), classes=classes), parts


def test_per_class_banks_stack_dictionaries_with_codes_of_their_own() -> None:
    data, _ = per_class()
    bank = craft.fit(data, n_concepts=2, per_class=True)
    assert bank.owners.tolist() == [2, 2, 5, 5]
    assert bank.offset is None
    x = torch.rand(4, 3, 7, generator=torch.Generator().manual_seed(8))
    expected = [
        nnls_codes(x.flatten(0, 1).numpy(), bank.directions[s].numpy())
        for s in (slice(0, 2), slice(2, 4))
    ]
    found = bank.encode(x).flatten(0, 1).numpy()
    np.testing.assert_allclose(found, np.concatenate(expected, axis=1), atol=1e-3)
    images = bank.crops[:, 1].long().numpy()
    assert data.classes is not None
    owner = bank.owners[bank.crops[:, 0].long()].numpy()
    assert (data.classes[images] == owner).all()  # crops of the class alone


def test_per_class_needs_classes() -> None:
    x, _ = planted()
    with pytest.raises(ValueError, match="per_class must be false"):
        craft.fit(fakes.fit_data(x), n_concepts=2, per_class=True)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"patch": 0.0}, "shares, above 0"),
        ({"stride": 1.2}, "shares, above 0"),
        ({"n_sub": -1}, "0 or more"),
        ({"n_concepts": 8}, "rank 3.*at most 3"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params: dict[str, Any], message: str) -> None:
    x, _ = planted()
    with pytest.raises(ValueError, match=message):
        craft.fit(fakes.fit_data(x), **params)


def test_signed_silent_and_missing_crops_are_refused() -> None:
    x, _ = planted()
    with pytest.raises(ValueError, match=r"CRAFT needs activations >= 0.*semi_nmf"):
        craft.fit(fakes.fit_data(x - 0.5), n_concepts=2)
    with pytest.raises(ValueError, match="every activation is zero"):
        craft.fit(fakes.fit_data(x * 0), n_concepts=2)
    with pytest.raises(ValueError, match="use nmf"):
        craft.fit(replace(fakes.fit_data(x), crops=None), n_concepts=2)


def test_all_zero_crops_have_zero_codes() -> None:
    x, _ = planted()
    x[:4] = 0
    bank = craft.fit(fakes.fit_data(x), n_concepts=3)
    assert not bank.encode(torch.zeros(2, 7)).any()
    assert (bank.crops[:, 6] > 0).all()


# -- attribution -------------------------------------------------------------------------------


def test_attribution_of_a_score_adds_up_to_its_difference_from_the_baseline() -> None:
    backbone = fakes.FakeBackbone()
    pixels = torch.rand(2, 3, 12, 20, generator=torch.Generator().manual_seed(3)) * 2 - 1
    seen = backbone.forward(pixels).tokens
    w = torch.rand(3, 7, generator=torch.Generator().manual_seed(4))
    rows = torch.zeros(0, 7)
    bank = craft.Bank(
        w / w.norm(dim=1, keepdim=True),
        torch.full((3,), -1),
        rows,
        rows[:, :4],
        rows,
        torch.zeros(0, dtype=torch.uint8),
        torch.tensor(0),
    )
    scored = ScoredBackbone(backbone, bank)
    torch.testing.assert_close(scored.forward(pixels).logits, bank.encode(seen).mean(1))
    for concept in range(3):
        method = saliency.METHODS["integrated_gradients"].function
        target = torch.full((2,), concept)
        maps = method(scored, pixels, target, n_steps=64).maps
        assert maps.shape == (2, 3, 5)
        nothing = scored.forward(torch.zeros(1, 3, 12, 20)).logits
        logits = scored.forward(pixels).logits
        assert logits is not None
        assert nothing is not None
        expected = logits[:, concept] - nothing[0, concept]
        torch.testing.assert_close(maps.sum((1, 2)), expected, rtol=0.03, atol=0.01)
