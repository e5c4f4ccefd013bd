"""What editing latents does to the model: as the store says, and by running the model."""

from __future__ import annotations

from pathlib import Path

import duckdb
import fake_vit
import fakes
import numpy as np
import pytest
import tiny_models
import torch
from safetensors.torch import load

from core.backbones import huggingface
from core.concepts import restore
from core.intervention import sae_edits
from data.images import open_image
from data.queries import effects
from data.store import open_readonly
from precompute import pipeline

FAKE = ("ablate", "scale", "clamp")


def run_again(
    con: duckdb.DuckDBPyConnection,
    backbone: huggingface.HuggingFaceBackbone,
    root: Path,
    row: dict[str, object],
    image_ids: list[int],
) -> tuple[float, float]:
    """Mean change of the predicted class's logit and share of flips, image by image."""
    method, tensors = con.execute(
        "SELECT method, tensors FROM bank WHERE bank_id = ?", [row["bank_id"]]
    ).fetchone() or ("", b"")
    bank = restore(method, load(tensors))
    k = int(str(row["concept_id"]))
    files = dict(con.execute("SELECT image_id, file FROM image").fetchall())
    pixels = backbone.preprocess([open_image(root / files[i])[0] for i in image_ids])
    stopped = backbone.resume(pixels)
    before = stopped(stopped.tokens)
    codes = bank.encode(stopped.tokens)[:, :, k]
    if row["mode"] == "clamp":
        new = torch.full_like(codes, float(str(row["strength"])))
    else:
        new = codes * (0.0 if row["mode"] == "ablate" else float(str(row["strength"])))
    after = stopped(stopped.tokens + (new - codes)[:, :, None] * bank.directions[k])
    best = before.argmax(1)
    at = torch.arange(len(best))
    changes = (after - before)[at, best]
    return float(changes.mean()), float((after.argmax(1) != best).float().mean())


def by_score(con: duckdb.DuckDBPyConnection, row: dict[str, object]) -> list[int]:
    return [
        int(i)
        for (i,) in con.execute(
            "SELECT image_id FROM score WHERE bank_id = ? AND concept_id = ? AND score > 0 "
            "ORDER BY score DESC, image_id",
            [row["bank_id"], row["concept_id"]],
        ).fetchall()
    ]


def test_an_exact_effect_is_what_running_the_model_gives(
    tiny_store: Path, tiny_model: Path, shapes: Path
) -> None:
    backbone = huggingface.load(str(tiny_model), size=fakes.SIZE)
    with open_readonly(tiny_store) as con:
        for bank_id in (0, 1):
            rows = effects.of_bank(con, bank_id)
            assert rows["exact"].all()
            mine = rows[rows["mode"].isin(FAKE) & (rows["images"] == "active")]
            assert set(mine["mode"]) == set(FAKE)
            for row in mine.groupby("mode").head(1).to_dict("records"):
                images = by_score(con, row)
                assert row["n"] == len(images)
                change, flips = run_again(con, backbone, shapes.parent, row, images)
                assert row["change"] == pytest.approx(change, abs=1e-4)
                assert row["flipped"] == pytest.approx(flips)


def test_edits_that_need_labels_say_which(tiny_store: Path) -> None:
    with open_readonly(tiny_store) as con:
        rows = con.execute(
            "SELECT mode, labelled_id IS NOT NULL, n, n_edited FROM effect"
        ).fetchall()
        named = con.execute(
            "SELECT count(*) FROM concept JOIN bank USING (bank_id) WHERE r2 IS NOT NULL "
            "AND name_source <> 'unnamed'"
        ).fetchone()
        other = con.execute("SELECT count(*) FROM effect WHERE bank_id = 2").fetchone()
    assert other == (0,)  # cav does not reconstruct
    assert rows
    assert named is not None
    for mode, labelled, n, n_edited in rows:
        assert labelled == (mode in ("suppress", "gated"))
        assert n > 0
        assert n_edited <= n
    if named[0]:
        assert any(labelled for _, labelled, *_ in rows)


def test_where_logits_are_not_linear_the_rest_of_the_network_runs(
    vit: Path, shapes: Path, tmp_path: Path
) -> None:
    store = pipeline.run(fake_vit.recipe(shapes, vit, "vit.layers.0"), out=tmp_path)
    backbone = huggingface.load(str(vit), layer="vit.layers.0", size=(32, 32))
    with open_readonly(store) as con:
        rows = effects.of_bank(con, 0)
        assert not rows["exact"].any()
        assert rows["concept_id"].nunique() == 2
        assert rows["n"].max() <= 5 + 2
        mine = rows[rows["mode"].isin(FAKE) & (rows["images"] == "active")]
        for row in mine.groupby("mode").head(1).to_dict("records"):
            images = by_score(con, row)[:5]
            change, flips = run_again(con, backbone, shapes.parent, row, images)
            assert row["change"] == pytest.approx(change, rel=1e-3, abs=1e-4)
            assert row["flipped"] == pytest.approx(flips)
        moved = effects.classes(con, int(mine.iloc[0]["effect_id"]))
        assert len(moved) == len(tiny_models.NAMES)
        assert moved["change"].is_monotonic_decreasing


def test_a_classifier_that_reads_the_cls_token_alone_is_a_notice(
    vit: Path, shapes: Path, tmp_path: Path
) -> None:
    store = pipeline.run(fake_vit.recipe(shapes, vit, fake_vit.LAST), out=tmp_path)
    with open_readonly(store) as con:
        assert con.execute("SELECT count(*) FROM effect").fetchone() == (0,)
        told = con.execute("SELECT message FROM notice WHERE stage = 'effects'").fetchall()
    assert len(told) == 1
    assert "CLS" in told[0][0]


def test_the_contrast_of_two_sets_is_theirs(tiny_store: Path) -> None:
    target, retained = np.arange(4), np.arange(10, 15)
    with open_readonly(tiny_store) as con:
        found = effects.contrast(con, 1, target=target, retained=retained).set_index("concept_id")
        scores = con.execute(
            "SELECT concept_id, image_id, score, peak FROM score WHERE bank_id = 1"
        ).df()
    assert len(found)
    for concept_id, row in found.iterrows():
        mine = scores[scores["concept_id"] == concept_id].set_index("image_id")
        for name, ids in (("target", target), ("retained", retained)):
            there = mine.reindex(ids).fillna(0)
            assert row[f"{name}_mean"] == pytest.approx(there["score"].mean())
            assert row[f"{name}_peak"] == pytest.approx(there["peak"].max())


def test_what_an_image_shows_is_known_from_its_label(tiny_store: Path) -> None:
    ids = np.array([2, 3, 7, 20])
    with open_readonly(tiny_store) as con:
        names = {name: i for i, name in effects.labelled(con).items()}
        striped = effects.showing(con, names["striped"], image_ids=ids)
    # 3 and 20 were left unknown; their classes have no labels of their own
    assert np.isnan(striped[[1, 3]]).all()
    assert striped[[0, 2]].tolist() == [1.0, 1.0]


def test_a_posterior_of_the_store_can_only_weaken() -> None:
    scores = np.random.default_rng(3).random((40, 2))
    shown = scores[:, 0] > 0.5
    out = sae_edits.edited(scores, "suppress", likely=sae_edits.posterior(scores, shown).at(scores))
    assert (out >= 0).all()
    assert (out <= scores).all()
