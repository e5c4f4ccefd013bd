"""Bottlenecks of several families in one store: what the app reads, offers, and writes back."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import fake_builds
import numpy as np
import opening
import pandas as pd
import pytest
import streamlit as st
from fake_families import KINDS, WORDS
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app import db
from app.views.intervene import edited_head, whole
from app.views.intervene.address_head_edits import Edit, EditSet
from core import bottleneck
from core.concepts.common import concept_layer
from core.types import Head
from data import store
from data.queries import build, heads, leaderboard
from data.queries.build import HeadFacts
from precompute.heads import HEADS, HeadInput


@pytest.fixture
def con(
    families_store: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[duckdb.DuckDBPyConnection]:
    st.cache_resource.clear()
    st.cache_data.clear()
    with store.open_readonly(families_store) as opened:
        monkeypatch.setattr(db, "cursor", opened.cursor)
        monkeypatch.setattr(db, "key", lambda: (str(families_store), 0))
        yield opened


def head(con: duckdb.DuckDBPyConnection, kind: str) -> HeadFacts:
    return next(one for one in build.heads(con) if one.kind == kind)


def test_every_family_is_there_with_its_accuracy_and_control(
    con: duckdb.DuckDBPyConnection,
) -> None:
    assert build.notices(con)["message"].tolist() == []
    known = pd.DataFrame(build.heads(con)).set_index("kind")
    assert set(known.index) == {kind for kinds in KINDS.values() for kind in kinds}
    assert known.index[~known["linear"]].tolist() == ["bayesian"]
    assert known.index[known["residual"]].tolist() == ["hybrid"]
    measured = build.accuracies(con)
    models = set(measured["model"])
    assert {"backbone", "linear probe", *known["name"]} <= models
    of = measured[(measured["split"] == "test") & (measured["target"] == "label")]
    control = of.set_index("model")["control"]
    assert control.loc[known["name"]].drop(known.loc["sparse", "name"]).notna().all()
    assert control.loc[["backbone", "linear probe"]].isna().all()
    assert len(measured) == len(measured.drop_duplicates(["model", "split", "target"]))
    zero_shot = of[of["model"] == "label_free · bayesian"].iloc[0]
    assert zero_shot["accuracy"] > 0.9 > zero_shot["control"]
    reading = leaderboard.reading_heads(con)
    shown = set(reading.loc[~reading["residual"], "head"])
    assert shown == {known.loc["sparse", "name"], known.loc["own", "name"]}


def test_concepts_that_are_words_keep_them_and_stand_for_labels(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rows = con.execute(
        "SELECT concept.name, name_source, l.name AS label FROM concept JOIN bank USING (bank_id) "
        "LEFT JOIN labelled_concept l USING (labelled_id) WHERE bank.method = 'label_free'"
    ).df()
    assert rows["name"].tolist() == list(WORDS)
    assert set(rows["name_source"]) == {"word"}
    assert rows["label"][:2].tolist() == ["colour: red", "shape: square"]
    found = con.execute(
        "SELECT bank.method, metric.name, split, metric.n, value, chance, control FROM metric "
        "JOIN bank USING (bank_id) WHERE metric.name IN "
        "('concept_accuracy', 'overall_concept_accuracy')"
    ).df()
    words = found[(found["method"] == "label_free") & (found["name"] == "concept_accuracy")]
    # two of the words say a label; nothing is judged of the others
    assert words.set_index("split")["n"].to_dict() == {"train": 34, "test": 18, "shifted": 8}
    assert (found["method"] == "cbm").sum() == 6
    assert found[["chance", "control"]].notna().all(axis=None)


@pytest.mark.parametrize("kind", ["hybrid", "own", "matrix_search", "sparse"])
def test_stored_logits_and_scores_give_the_stored_prediction(
    con: duckdb.DuckDBPyConnection, kind: str
) -> None:
    row = head(con, kind)
    loaded = heads.load(con, row.head_id)
    said = con.execute(
        "SELECT image_id, class_id FROM head_prediction WHERE head_id = ? ORDER BY image_id",
        [row.head_id],
    ).df()
    ids = said["image_id"].to_numpy(np.int64)
    scores = heads.image_scores(con, row.bank_id, loaded.concept_ids, image_ids=ids)
    rest = None
    if loaded.head.residual:
        own = heads.unedited(con, row.head_id, loaded.outputs, image_ids=ids)
        rest = bottleneck.rest(loaded.head, scores, own)
        assert np.abs(rest).max() > 1e-3
    found = bottleneck.logits(loaded.head, scores, rest).argmax(1)
    assert (loaded.class_ids[found] == said["class_id"]).mean() > 0.95  # scores are float32


def test_unedited_logits_are_the_heads_own_or_the_backbones(
    con: duckdb.DuckDBPyConnection,
) -> None:
    hybrid = head(con, "hybrid")
    outputs = heads.load(con, hybrid.head_id).outputs
    ids = np.array([1, 4, 7])
    own = heads.unedited(con, hybrid.head_id, outputs, image_ids=ids)
    backbone = heads.backbone_logits(con, outputs, image_ids=ids)
    assert np.abs(own - backbone).max() > 1e-3
    other = heads.unedited(con, 999, outputs, image_ids=ids)
    np.testing.assert_array_equal(other, backbone)
    with pytest.raises(LookupError, match="of 1 of 2 images only"):
        heads.unedited(con, hybrid.head_id, outputs, image_ids=np.array([1, 10_000]))


@pytest.mark.parametrize("page", ["intervene", "classes", "image", "overview", "metrics"])
def test_pages_offer_linear_heads_and_say_why_not_the_other(
    families_store: Path, page: str
) -> None:
    st.cache_resource.clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["main.py", "--db", str(families_store)])
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
        opening.choose(at, page)
        at.query_params["h"] = "cbm · hybrid"
        at.run()
    assert not at.exception, at.exception[0].value
    offered = [o for box in at.selectbox for o in box.options]
    if page in ("intervene", "classes"):
        assert any("cbm · hybrid" in o for o in offered)
        assert not any("bayesian" in o for o in offered)
        assert any(c.value.startswith("Not offered: label") for c in at.caption)
    st.cache_resource.clear()


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
@pytest.mark.parametrize("kind", ["own", "hybrid"])
def test_what_the_app_exports_is_read_back(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, suffix: str, kind: str
) -> None:
    row = head(con, kind)
    found = whole.of(row)
    given = EditSet((Edit("prune", int(found.loaded.concept_ids[0])),), name="less")
    edited = edited_head.apply(row, given.edits, False, False)
    change = edited_head.preview(row, edited)
    path = tmp_path / f"head.{suffix}"
    if suffix == "json":
        path.write_text(edited_head.as_json(row, given, edited, change), encoding="utf-8")
    else:
        path.write_bytes(edited_head.as_safetensors(row, given, edited, change))
    names = con.execute("SELECT name FROM class ORDER BY class_id").df()["name"]
    k = build.bank(con, row.bank_id).n_concepts
    known = fake_builds.build(classes=fake_builds.classes(np.arange(0), *names))
    bank = concept_layer.of(np.eye(k, 7), np.zeros(k))
    given = HeadInput(known, bank, np.zeros((0, k)), np.full(k, -1))
    if kind == "hybrid":
        with pytest.raises(ValueError, match="which the file does not hold"):
            HEADS["imported"].make(given, path=str(path))
        return
    back = HEADS["imported"].make(given, path=str(path))
    assert back.classes.tolist() == found.loaded.class_ids.tolist()
    expected = np.zeros((len(back.classes), k))
    expected[:, found.loaded.concept_ids] = edited.weight
    np.testing.assert_allclose(back.head.weight, expected)
    np.testing.assert_allclose(back.head.bias, edited.bias)
    assert isinstance(back.head, Head)
