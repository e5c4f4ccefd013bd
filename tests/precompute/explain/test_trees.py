"""Trees, prefixes, crops and attributions: computed, written, asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import fakes
import numpy as np
import pytest
import torch
from fake_trees import CRAFT, NESTED, PER_CLASS, TREE

from core.concepts.factors import hierarchical_semi_nmf, nnls
from core.concepts.sae import matryoshka
from core.controls import plain
from core.metrics import reconstruction
from data import store
from data.queries import concepts as list_of
from data.queries import trees as ask
from precompute.explain import trees


def tokens(n: int = 24) -> torch.Tensor:
    return torch.rand(n, 15, 7, generator=torch.Generator().manual_seed(0)).square()


# -- computed ----------------------------------------------------------------------------------


def test_shares_of_a_tree_are_those_of_codes_that_pass_through() -> None:
    """Three levels; every path from a root to a fine concept, one by one."""
    bank = hierarchical_semi_nmf.fit(fakes.fit_data(tokens()), n_concepts=11, levels=(2, 3, 6))
    x = tokens()[:5].flatten(0, 1)
    found = trees.tree(bank, x).set_index("concept_id")
    parents, fine = bank.parents.tolist(), nnls.nnls_codes(x, bank.fine)
    through = np.zeros((11, 11))  # [concept, ancestor]: the ancestor's codes that pass the concept
    for f in range(6):
        path, at = [], 5 + f
        while at >= 0:
            path.append(at)
            at = parents[at]
        for concept in path:
            for ancestor in path:
                through[concept, ancestor] += float((fine[:, f] * bank.shares[f, ancestor]).sum())
    for concept, parent in enumerate(parents):
        whole = sum(through[r, r] for r in range(2)) if parent < 0 else through[parent, parent]
        mine = through[concept, concept if parent < 0 else parent]
        assert found["share"][concept] == pytest.approx(mine / whole, rel=1e-4)
    assert found["level"].tolist() == [0] * 2 + [1] * 3 + [2] * 6
    assert found["n"].tolist() == [75] * 11


def test_prefixes_are_measured_on_their_own() -> None:
    bank = matryoshka.fit(
        fakes.fit_data(tokens()), n_concepts=8, top_k=2, prefixes=(2, 8), n_steps=60, batch=64
    )
    x = tokens()[:6].flatten(0, 1)
    rows = plain.random_like(bank.directions, seed=0)
    found = trees.prefixes(bank, plain.LeastSquares(rows, x.mean(0), 2), x)
    assert found["size"].tolist() == [2, 8]
    codes = bank.encode(x)
    for row, size in enumerate((2, 8)):
        only = codes.clone()
        only[:, size:] = 0
        expected = reconstruction.r2(x, only @ bank.directions + bank.offset)
        assert found["r2"][row] == pytest.approx(expected, abs=1e-5)
        assert found["l0"][row] == pytest.approx(float((only != 0).sum(1).float().mean()))
    assert found["n"].tolist() == [90, 90]


# -- written and asked for ---------------------------------------------------------------------


@pytest.fixture
def con(trees_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    opened = store.open_readonly(trees_store)
    yield opened
    opened.close()


def test_what_cannot_be_fitted_is_a_notice(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute("SELECT subject, message FROM notice WHERE stage = 'banks'").fetchall()
    assert [subject for subject, _ in found] == ["too many"]
    assert "4000 concepts" in found[0][1]


def test_crops_and_parts_lie_in_their_images(con: duckdb.DuckDBPyConnection) -> None:
    crops = ask.crops(con, CRAFT, range(3), n=5)
    assert set(crops["concept_id"]) == {0, 1, 2}
    assert crops["rank"].max() <= 4
    assert ((crops["x0"] < crops["x1"]) & (crops["y0"] < crops["y1"])).all()
    assert crops[["x0", "y0"]].to_numpy().min() >= 0
    assert crops[["x1", "y1"]].to_numpy().max() <= 1.0001
    for _, mine in crops.groupby("concept_id"):
        assert mine["code"].is_monotonic_decreasing
        assert mine["image_id"].is_unique
    splits = con.execute(
        "SELECT DISTINCT split FROM concept_crop JOIN image USING (image_id)"
    ).fetchall()
    assert splits == [("train",)]
    parts = ask.parts(con, CRAFT, range(3))
    assert ask.has_parts(con, CRAFT)
    assert not ask.has_parts(con, PER_CLASS)
    for _, mine in parts.groupby("concept_id"):
        assert mine["sub_id"].tolist() == [0, 1]
        assert mine["share"].sum() == pytest.approx(1)
        assert mine["share"].is_monotonic_decreasing
    assert (parts["layer"] != "").all()
    small = ask.part_crops(con, CRAFT, range(3), n=3)
    assert set(small["concept_id"]) == set(parts["concept_id"])


def test_concepts_of_one_class_are_named_after_it(con: duckdb.DuckDBPyConnection) -> None:
    names = con.execute(
        "SELECT name FROM concept WHERE bank_id = $bank_id ORDER BY concept_id",
        {"bank_id": PER_CLASS},
    ).fetchall()
    assert [n.split(" · ")[0] for (n,) in names] == sorted(2 * fakes.CLASSES)
    row = con.execute("SELECT r2 FROM bank WHERE bank_id = $b", {"b": PER_CLASS}).fetchone()
    assert row == (None,)


def test_attributions_are_of_the_strongest_images(con: duckdb.DuckDBPyConnection) -> None:
    rows = ask.attributions(con, CRAFT, 1)
    assert set(rows["method"]) == {"integrated_gradients", "grad_cam"}
    best = con.execute(
        "SELECT image_id FROM score WHERE bank_id = $b AND concept_id = 1 "
        "ORDER BY score DESC, image_id LIMIT 2",
        {"b": CRAFT},
    ).fetchall()
    for method, mine in rows.groupby("method"):
        assert mine["image_id"].tolist() == [i for (i,) in best]
        assert mine["scale"].nunique() == 1
        largest = max(np.abs(np.asarray(v, dtype=int)).max() for v in mine["value"])
        assert largest == 32767
        assert all(
            len(v) == h * w
            for v, h, w in zip(mine["value"], mine["map_h"], mine["map_w"], strict=True)
        )
        assert bool(mine["signed"].iloc[0]) == (method == "integrated_gradients")
    image = int(rows["image_id"].iloc[0])
    back = ask.attributed_concepts(con, CRAFT, image)
    assert 1 in set(back["concept_id"])


def test_sobol_indices_cover_craft_heads(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute(
        "SELECT count(*) FROM importance JOIN head USING (head_id) "
        "WHERE bank_id = $b AND method = 'sobol'",
        {"b": CRAFT},
    ).fetchone()
    assert found is not None
    assert found[0] > 0


def test_lineage_goes_both_ways(con: duckdb.DuckDBPyConnection) -> None:
    rows = ask.tree(con, TREE)
    child = rows[rows["level"] == 1].iloc[0]
    above, below = ask.lineage(con, TREE, int(child["concept_id"]))
    assert above["concept_id"].tolist() == [int(child["parent_id"])]
    assert below.empty
    _, mine = ask.lineage(con, TREE, int(child["parent_id"]))
    assert int(child["concept_id"]) in set(mine["concept_id"])
    assert mine["share"].sum() == pytest.approx(1)
    assert all(frame.empty for frame in ask.lineage(con, CRAFT, 0))


def test_first_concepts_alone_are_listed(con: duckdb.DuckDBPyConnection) -> None:
    assert ask.prefixes(con, NESTED)["size"].tolist() == [2, 4, 8]
    filters = list_of.Filters(dead=False, first=4)
    assert sorted(list_of.matching(con, NESTED, filters=filters, order="id")) == [0, 1, 2, 3]
