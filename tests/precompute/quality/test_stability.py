"""Refits: another seed and other images are told apart, opposite directions are not alike."""

from __future__ import annotations

from pathlib import Path

import fakes
import numpy as np
import pandas as pd
import pytest
import torch

from core import backbones
from core.metrics import dictionary
from core.recipe import parse
from data import store
from precompute import pipeline
from precompute.quality import leakage

SAE = "params = { top_k = 2, n_steps = 30, batch = 64 }"


@pytest.fixture(scope="module")
def measured(shapes: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """`quality`, `notice` and `stage` of a store whose banks were fitted again."""
    asked = "".join(
        f'[[banks]]\nmethod = "{method}"\nstability = {n}\nn_concepts = {k}\n{more}\n'
        for method, n, k, more in (
            ("nmf", 2, 4, ""),
            ("sae", 3, 6, SAE),
            ("random", 2, 6, ""),
            ("cav", 2, 0, "params = { min_each = 5 }"),
            ("pca", 0, 2, ""),
        )
    )
    text = (
        f'name = "again"\n[dataset]\nreader = "manifest"\npath = "{shapes.as_posix()}"\n'
        f'[backbone]\nmodel = "fake"\n{asked}\n'
        "[saliency]\nfaithfulness = 0\n[effects]\nlatents = 0"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leakage, "rows", lambda *_: [])  # slow, and not at stake
        patch.setitem(backbones.BACKBONES, "huggingface", lambda _, **__: fakes.FakeBackbone())
        path = pipeline.run(parse(text), out=tmp_path_factory.mktemp("again"))
    with store.open_readonly(path) as con:
        queries = {
            "quality": "SELECT name AS bank, quality.* FROM quality JOIN bank USING (bank_id) "
            "WHERE measure LIKE 'stability%'",
            "notice": "SELECT * FROM notice WHERE stage = 'stability'",
            "stage": "SELECT * FROM stage WHERE name LIKE 'refit%'",
        }
        return {name: con.execute(query).df() for name, query in queries.items()}


def test_seeds_and_images_are_two_measures(measured: dict[str, pd.DataFrame]) -> None:
    rows = measured["quality"].set_index(["bank", "measure"])
    assert set(rows.index) == {
        *((b, m) for b in ("nmf", "sae") for m in ("stability_seed", "stability_split")),
        # neither a method without chance on the same images nor one without images with one seed
        ("random", "stability_seed"),
    }
    assert rows["value"].between(-1, 1 + 1e-6).all()
    # of 2 fits one pair, of 3 fits three
    assert rows["n"].unstack().loc[["nmf", "sae"]].to_numpy().tolist() == [[4, 4], [18, 18]]
    value = rows["value"]
    assert value["random", "stability_seed"] < 0.9
    assert value["nmf", "stability_split"] < 1 - 1e-4
    assert value["nmf", "stability_split"] != value["nmf", "stability_seed"]
    control = rows["control"]
    assert control["random", "stability_seed"] == pytest.approx(
        value["random", "stability_seed"],
        abs=0.45,  # of so few directions 0.1 is one deviation
    )
    assert control["nmf", "stability_seed"] > 0.5  # non-negative directions are all alike
    assert (control < 0.99).all()


def test_images_too_few_to_halve_are_a_notice(measured: dict[str, pd.DataFrame]) -> None:
    notice = measured["notice"]
    assert notice["subject"].tolist() == ["cav"]
    assert "not fitted again on a share of the train images: none of" in notice["message"][0]
    assert "at least 5 train images" in notice["message"][0]


def test_refits_are_counted(measured: dict[str, pd.DataFrame]) -> None:
    n = dict(zip(measured["stage"]["name"], measured["stage"]["n"], strict=True))
    assert n["refit nmf: seeds"] == 1
    assert n["refit nmf: images"] == 2
    assert (n["refit sae: seeds"], n["refit sae: images"]) == (2, 3)


def test_opposite_directions_are_one_concept_only_where_codes_have_signs() -> None:
    one = torch.linalg.qr(torch.from_numpy(np.random.default_rng(0).normal(size=(9, 4)))).Q.T
    other = one[[2, 0, 3, 1]] * torch.tensor([1, -1, 1, -1])[:, None]
    assert dictionary.stability(one, other, signed=True) == pytest.approx(1)
    assert dictionary.stability(one, other, signed=False) == pytest.approx(0.5)
