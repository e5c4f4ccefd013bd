"""Where a recipe names no bank, the banks fit: signs, sizes, labels, and what the model can do."""

from __future__ import annotations

from functools import partial

import fakes
import numpy as np
import pytest
import torch

from core.recipe import BankSpec, parse
from core.types import Labels
from precompute import defaults
from precompute.defaults import complete, default_banks, written


def tokens(n: int, d: int, *, signed: bool) -> torch.Tensor:
    x = torch.randn(n, d, generator=torch.Generator().manual_seed(0))
    return x if signed else x.abs()


@pytest.mark.parametrize(("signed", "expected"), [(True, "semi_nmf"), (False, "nmf")])
def test_signs_decide(signed: bool, expected: str) -> None:
    banks = default_banks(tokens(4000, 64, signed=signed), n_tokens=4000, labelled=False)
    assert [bank.method for bank in banks] == [expected, "sae", "random"]


@pytest.mark.parametrize(
    ("n", "d", "factors", "latents"),
    [
        (100_000, 384, 32, 1024),
        (100_000, 64, 16, 256),
        (2_000, 384, 32, 100),
        (60, 384, 3, 8),
        (6, 384, 2, 6),
    ],
)
def test_sizes_follow_tokens_and_width(n: int, d: int, factors: int, latents: int) -> None:
    sample = tokens(min(n, 3000), d, signed=True)
    factorisation, sae, random = default_banks(sample, n_tokens=n, labelled=False)
    assert (factorisation.n_concepts, sae.n_concepts) == (factors, latents)
    assert random.n_concepts == min(64, latents)
    assert 1 <= sae.params["top_k"] <= max(1, latents // 4)


def test_no_more_factors_than_the_rank() -> None:
    flat = tokens(4000, 3, signed=True) @ tokens(3, 64, signed=True)
    assert default_banks(flat, n_tokens=4000, labelled=False)[0].n_concepts == 3


@pytest.mark.parametrize(("each", "expected"), [(5, True), (4, False)])
def test_probes_where_a_label_varies_enough(each: int, expected: bool) -> None:
    known = np.zeros((40, 2))
    known[:each, 0] = 1
    labels = Labels(("red", "never"), known, known, "image")
    recipe = complete(
        parse('name = "x"'),
        fakes.FakeBackbone(),
        lambda: tokens(600, 7, signed=False),
        n_tokens=600,
        n_classes=4,
        labels=labels,
    )
    assert ("cav" in [bank.method for bank in recipe.banks]) == expected


def test_heads_and_saliency_are_what_model_and_labels_allow() -> None:
    asked = parse('name = "x"\n[saliency]\nmethods = ["default"]')
    sample = partial(tokens, 600, 7, signed=False)
    given = {"n_tokens": 600, "labels": None}
    whole = complete(asked, fakes.FakeBackbone(), sample, n_classes=4, **given)
    assert {(head.bank, head.kind) for head in whole.heads} == {
        ("nmf", "sparse"),
        ("nmf", "backbone"),
        ("sae", "sparse"),
        ("sae", "backbone"),
        ("random", "sparse"),
    }
    assert whole.saliency.methods == ("grad_cam",)
    bare = complete(asked, fakes.FakeBackbone(outputs=()), sample, n_classes=1, **given)
    assert bare.heads == ()
    assert bare.saliency.methods == ()


def test_a_recipe_with_banks_stays_as_it_is() -> None:
    recipe = parse('name = "x"\n[[banks]]\nmethod = "pca"')
    done = complete(
        recipe,
        fakes.FakeBackbone(),
        lambda: pytest.fail("tokens were read for nothing"),
        n_tokens=600,
        n_classes=4,
        labels=None,
    )
    assert done == recipe
    assert written(done, "text", given=recipe) == "text"


def test_what_was_chosen_is_written_below_and_reads_as_chosen() -> None:
    recipe = parse('name = "x"')
    done = complete(
        recipe,
        fakes.FakeBackbone(),
        lambda: tokens(600, 7, signed=True),
        n_tokens=600,
        n_classes=4,
        labels=None,
    )
    text = written(done, 'name = "x"', given=recipe)
    assert text.startswith('name = "x"\n\n' + defaults.MARK)
    read = parse(text)
    assert read.banks == done.banks
    assert [(h.bank, h.kind) for h in read.heads] == [(h.bank, h.kind) for h in done.heads]
    assert BankSpec("cav") not in read.banks
