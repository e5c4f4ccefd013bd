"""Scores are read from what the recipe says: every method beside a slow version of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import fake_builds
import fakes
import numpy as np
import pytest
import tiny_models
import torch
from safetensors.torch import load

from core import backbones
from core.concepts import METHODS, restore
from core.kinds import ControlKind
from core.recipe import BankSpec, Recipe
from core.types import ConceptBank
from data.images import open_image
from data.store import open_readonly
from precompute.banks import control, pooling
from precompute.banks.encode import encode_bank
from precompute.intake import StoredTokens, shards
from precompute.intake.activations import ActivationStore
from precompute.recipe_check import check_recipe
from tests.core.concepts.test_contract import WIDTH, fit, labelled, tokens

N, T = 24, 15


@pytest.fixture
def stored(tmp_path: Path) -> ActivationStore:
    """Two shards of random patches, and CLS tokens unlike them."""
    x = tokens().numpy()
    cls = np.random.default_rng(3).normal(size=(N, WIDTH)).astype(np.float32) ** 2
    folders = [tmp_path / "0", tmp_path / "1"]
    for folder, part, own in zip(folders, np.split(x, [10]), np.split(cls, [10]), strict=True):
        folder.mkdir()
        np.save(folder / "tokens.npy", part)
        np.save(folder / "cls.npy", own)
        np.save(folder / "pooled.npy", part.mean(1))
        (folder / shards.FACTS).write_text(json.dumps({"n": len(part)}))
    return ActivationStore(folders)


def slow(bank: ConceptBank, pool: str, maps: torch.Tensor, cls: torch.Tensor) -> np.ndarray:
    """Image by image."""
    out = []
    for image, own in zip(maps, cls, strict=True):
        if pool == "cls":
            out.append(bank.encode(own[None])[0].numpy())
            continue
        codes = bank.encode(image[None])[0].numpy()
        values = codes.max(0) if pool == "max" else codes.sum(0) / len(codes)
        out.append(values)
    return np.stack(out)


PAIRS = [(method, pool) for method in METHODS for pool in METHODS[method].pools]


@pytest.mark.parametrize(("method", "pool"), PAIRS)
def test_every_score_is_read_from_where_its_bank_says(
    method: str, pool: Any, stored: ActivationStore, tmp_path: Path
) -> None:
    bank = fit(method, labelled(tokens()))
    codes, _ = encode_bank(bank, stored, tmp_path / "codes", title=method, pool=pool)
    assert codes.pool == pool
    cls = stored.cls()
    assert cls is not None
    expected = slow(bank, pool, tokens(), torch.from_numpy(cls))
    np.testing.assert_allclose(codes.scores.toarray(), expected, rtol=1e-3, atol=1e-4)
    maps = codes.dense_maps(np.arange(N)).reshape(N, T, -1)
    np.testing.assert_allclose(codes.means.toarray(), maps.mean(1), rtol=1e-3, atol=1e-4)
    # whatever scores are read from, maps are the patches' codes
    np.testing.assert_allclose(maps, bank.encode(tokens()).numpy(), rtol=1e-3, atol=1e-4)


def test_a_pair_is_listed_where_its_score_or_its_map_is_not_zero() -> None:
    from precompute.banks.encode import sparse

    dense = np.zeros((2, 3, 4), dtype=np.float32)
    dense[0, 1, 2] = 5
    own = np.zeros((2, 3), dtype=np.float32)
    own[1, 0] = 7
    found = sparse(dense, first=10, pool="cls", own=own)
    assert found["score_image"].tolist() == [10, 11]
    assert found["score_concept"].tolist() == [1, 0]
    assert found["score"].tolist() == [0, 7]
    assert found["peak"].tolist() == [5, 0]
    assert found["value"].tolist() == [5]


@pytest.mark.parametrize("kind", ["matched", "random"])
@pytest.mark.parametrize("method", ["random", "cav"])
def test_the_control_is_read_from_the_cls_token_too(
    method: str, kind: ControlKind, stored: ActivationStore, tmp_path: Path
) -> None:
    bank = fit(method, labelled(tokens()))
    codes, _ = encode_bank(bank, stored, tmp_path / "codes", title=method, pool="cls")
    build = fake_builds.build(
        classes=fake_builds.classes(np.arange(N) % 2, "wren", "heron"),
        train=np.arange(16),
        held_out=np.arange(16, N),
        pooled=stored.pooled(),
        cls=stored.cls(),
        activations=stored,
    )
    drawn = control.draw_control(bank, codes, build, kind=kind)
    assert drawn.pool == "cls"
    cls = stored.cls()
    assert cls is not None
    rows = drawn.control.directions.numpy()
    found = drawn.scores.toarray()
    own = codes.scores.toarray()[:16]
    if method == "cav" and kind == "matched":
        np.testing.assert_allclose(found[:16].mean(0), own.mean(0), atol=1e-4)
        np.testing.assert_allclose(found[:16].std(0), own.std(0), rtol=1e-3)
    elif method == "cav":
        expected = (cls - cls[:16].mean(0)) @ rows.T
        np.testing.assert_allclose(found, expected, atol=1e-5)
    else:  # on for as many CLS tokens as the bank's codes are
        if kind == "matched":
            assert ((found[:16] > 0).sum(0) == (own > 0).sum(0)).all()
        on = codes.scores[np.arange(16)].count_nonzero()
        assert (found[:16] > 0).sum() == pytest.approx(on, abs=len(rows))
        along = cls @ rows.T
        order = np.argsort(along, axis=0)
        assert (np.diff(np.take_along_axis(found, order, 0), axis=0) >= -1e-6).all()
    level = drawn.image_level
    listed = np.zeros(found.shape)
    listed[level["image"], level["concept"]] = level["score"]
    np.testing.assert_allclose(listed, found, atol=1e-5)


def test_a_dictionary_of_cls_scores_sees_cls_tokens_as_a_fifth(stored: ActivationStore) -> None:
    chosen = np.array([2, 9, 11, 23])
    plain, both = StoredTokens(stored, chosen), StoredTokens(stored, chosen, 3)
    assert (plain.n_tokens, both.n_tokens) == (4 * T, 4 * (T + 3))
    cls = stored.cls()
    assert cls is not None
    expected = np.concatenate(
        [np.concatenate([tokens()[i].numpy(), np.repeat(cls[i : i + 1], 3, 0)]) for i in chosen]
    )
    in_order = torch.cat(list(both.batches(1000, seed=None))).numpy()
    np.testing.assert_array_equal(in_order, expected)
    shuffled = torch.cat(list(both.batches(7, seed=1))).numpy()
    np.testing.assert_allclose(np.sort(shuffled, axis=0), np.sort(expected, axis=0))
    np.testing.assert_array_equal(both.sample(10_000, seed=0).numpy(), expected)
    some = both.sample(20, seed=0).numpy()
    assert len(some) == 20
    assert {tuple(row) for row in some} <= {tuple(row) for row in expected}
    assert {tuple(row) for row in some} & {tuple(row) for row in cls[chosen]}


# -- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "pool", "told"),
    [
        ("csr", "mean", "pool cannot be 'mean'.*it can be 'max'"),
        ("sl_cbm", "cls", "it can be 'mean'"),
        ("cav", "max", "it can be 'mean' or 'cls'"),
        ("nmf", "sum", "must be one of mean, max, cls, not 'sum'"),
    ],
)
def test_what_a_method_cannot_be_scored_by_is_refused(method: str, pool: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        check_recipe(Recipe("a", banks=(BankSpec(method, pool=pool),)))


@pytest.mark.parametrize(
    ("family", "why"), [("convnext", "no CLS token"), ("siglip", "no CLS token")]
)
def test_a_model_without_a_cls_token_is_refused_by_name(
    family: str, why: str, tmp_path: Path
) -> None:
    backbone = backbones.load(str(tiny_models.save(family, tmp_path)))
    recipe = Recipe("a", banks=(BankSpec("nmf"), BankSpec("sae", name="mine", pool="cls")))
    with pytest.raises(ValueError, match=f"'mine'.*at layer '{backbone.layer}': it has {why}"):
        pooling.check_cls(recipe, backbone)
    pooling.check_cls(Recipe("a", banks=(BankSpec("nmf", pool="max"),)), backbone)


def test_a_family_that_says_nothing_of_a_cls_token_is_refused() -> None:
    recipe = Recipe("a", banks=(BankSpec("sae", pool="cls"),))
    with pytest.raises(ValueError, match="its family does not say that it has a CLS token"):
        pooling.check_cls(recipe, fakes.FakeBackbone())


# -- by default ------------------------------------------------------------------------------------


def test_scores_are_read_from_the_cls_token_where_the_model_reads_it_alone(vit: Path) -> None:
    from core.backbones import Reads
    from precompute.defaults import default_pool

    backbone = backbones.load(str(vit), size=(32, 32))
    assert isinstance(backbone, backbones.ReadsCls)
    reads = backbone.reads()
    assert reads.alone
    got = {method: default_pool(method, reads) for method in METHODS}
    assert {method for method, pool in got.items() if pool != "cls"} == {
        "craft",  # of crops' mean tokens
        "csr",
        "imported_cbm",
        "imported_sae",
        "sl_cbm",
    }
    for other in (None, Reads(True, True, ""), Reads(True, False, "it has none")):
        assert {m: default_pool(m, other) for m in METHODS} == {m: METHODS[m].pool for m in METHODS}


# -- in a store ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def con(cls_store: Path) -> Any:
    with open_readonly(cls_store) as opened:
        yield opened


def bank(con: duckdb.DuckDBPyConnection, name: str) -> tuple[int, ConceptBank]:
    bank_id, method, tensors = con.execute(
        "SELECT bank_id, method, tensors FROM bank WHERE name = ?", [name]
    ).fetchall()[0]
    return int(bank_id), restore(method, load(bytes(tensors)))


def test_stored_scores_are_codes_of_the_models_cls_tokens(
    con: duckdb.DuckDBPyConnection, vit: Path, shapes: Path
) -> None:
    backbone = backbones.load(str(vit), layer="vit.layernorm", size=(32, 32))
    bank_id, found = bank(con, "cls")
    files = con.execute("SELECT image_id, file FROM image ORDER BY image_id LIMIT 6").fetchall()
    images = [open_image(shapes.parent / file)[0] for _, file in files]
    seen = backbone.forward(backbone.preprocess(images))
    expected = found.encode(seen.extra[:, 0])
    for (image_id, _), codes in zip(files, expected, strict=True):
        rows = con.execute(
            "SELECT concept_id, score FROM score WHERE bank_id = ? AND image_id = ?",
            [bank_id, image_id],
        ).fetchall()
        listed = np.zeros(len(codes))
        for concept, score in rows:
            listed[concept] = score
        np.testing.assert_allclose(listed, codes.numpy(), rtol=1e-3, atol=1e-4)


def test_the_backbones_head_is_exact_by_the_cls_token(con: duckdb.DuckDBPyConnection) -> None:
    """Logits of an edit as the head has them, and as the model's last layer has them."""
    bank_id, _ = bank(con, "cls")
    head_id, about = con.execute(
        "SELECT head_id, about FROM head WHERE bank_id = ? AND kind = 'backbone'", [bank_id]
    ).fetchall()[0]
    assert "by the CLS token" in about
    ((exact, patches, linear),) = con.execute(
        "SELECT cls_linear, reads_patches, linear FROM backbone"
    ).fetchall()
    assert (exact, patches, linear) == (True, False, False)
    effects = con.execute(
        "SELECT exact, n, control_change FROM effect WHERE bank_id = ?", [bank_id]
    ).fetchall()
    assert effects
    assert all(row[0] for row in effects)
    wrong = con.execute(
        "SELECT count(*) FROM head_prediction JOIN prediction USING (image_id) "
        "WHERE head_id = ? AND (head_prediction.class_id <> prediction.class_id "
        "OR abs(head_prediction.prob - prediction.prob) > 1e-5)",
        [head_id],
    ).fetchone()
    assert wrong == (0,)
    notices = dict(
        con.execute("SELECT subject, message FROM notice WHERE stage = 'heads'").fetchall()
    )
    assert "largest values of maps" in notices["max · backbone"]


def test_score_and_map_are_compared_where_one_is_not_the_other(
    con: duckdb.DuckDBPyConnection,
) -> None:
    bank_id, _ = bank(con, "cls")
    rows = con.execute(
        "SELECT map_r, map_r_lo, map_r_hi, map_r_chance, map_r_n, concept_id FROM concept "
        "WHERE bank_id = ? AND map_r IS NOT NULL",
        [bank_id],
    ).fetchall()
    assert rows
    for r, lo, hi, chance, n, _ in rows:
        assert -1 <= r <= 1
        assert lo is hi is None  # too few test images for an interval
        assert 0 <= chance <= 1
        assert n == con.execute("SELECT count(*) FROM image WHERE split = 'test'").fetchall()[0][0]
    for other in ("mean", "max"):
        count = con.execute(
            "SELECT count(map_r) FROM concept WHERE bank_id = ?", [bank(con, other)[0]]
        ).fetchone()
        assert count == (0,)


def test_probes_are_learned_from_the_tokens_that_they_score(con: duckdb.DuckDBPyConnection) -> None:
    bank_id, _ = bank(con, "probes")
    pool, level = con.execute(
        "SELECT pool, label_level FROM bank WHERE bank_id = ?", [bank_id]
    ).fetchall()[0]
    assert (pool, level) == ("cls", "image")
    # the accuracy that a probe had while it was fitted is that of its stored scores
    rows = con.execute(
        "SELECT concept.concept_id, labelled_id, test_accuracy FROM concept WHERE bank_id = ?",
        [bank_id],
    ).fetchall()
    for concept, label, accuracy in rows:
        right = con.execute(
            "SELECT avg(((coalesce(score, 0) > 0) = present)::INTEGER) FROM image "
            "JOIN image_label USING (image_id) "
            "LEFT JOIN (SELECT * FROM score WHERE bank_id = $b AND concept_id = $c) "
            "USING (image_id) WHERE labelled_id = $l AND split = 'test'",
            {"b": bank_id, "c": concept, "l": label},
        ).fetchone()
        assert right is not None
        assert right[0] == pytest.approx(accuracy, abs=1e-6)
