"""The tabs of Intervene on images that can carry several labels: every number label by label."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import opening
import pytest
import streamlit as st
from paths import ROOT
from sklearn.metrics import roc_auc_score
from streamlit.testing.v1 import AppTest

from app import db
from app.format import number, rate
from app.views.intervene import edited_head, several, whole
from app.views.intervene.address_head_edits import Edit, EditSet
from app.views.intervene.tabs import curve_data, latent_edits, latent_sets
from app.views.intervene.tabs.latent_sets import Aim
from core import bottleneck
from core.intervention.curves import EachCurve
from core.intervention.global_edits import EachPreview
from data import store
from data.queries import build, carried, heads
from data.queries.build import HeadFacts

FOUND, RESIDUAL, LABELLED = "nmf · sparse", "nmf · hybrid", "cbm · own"
Open = Callable[..., AppTest]


@pytest.fixture
def con(labels_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    st.cache_resource.clear()
    st.cache_data.clear()
    opened = store.open_readonly(labels_store)
    monkeypatch.setattr(db, "cursor", opened.cursor)
    monkeypatch.setattr(db, "key", lambda: db.StoreFile(str(labels_store), 0, 0))
    yield opened
    opened.close()


@pytest.fixture
def visit(labels_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    def visit_(**params: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(labels_store)])
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=120)
        opening.choose(at, "intervene")
        at.query_params.update({"i": "3", **params})
        at.run()
        assert not at.exception, at.exception[0].value
        return at

    yield visit_
    st.cache_resource.clear()  # closes the stores


def head(con: duckdb.DuckDBPyConnection, name: str) -> HeadFacts:
    return next(one for one in build.heads(con) if one.name == name)


def marks(con: duckdb.DuckDBPyConnection, class_ids: np.ndarray) -> dict[tuple[int, int], bool]:
    """Image and row of the head: what is known, read one by one."""
    rows = con.execute(
        "SELECT image_id, class_id, present FROM image_class WHERE present IS NOT NULL"
    ).fetchall()
    place = {int(c): j for j, c in enumerate(class_ids)}
    return {(int(i), place[c]): bool(p) for i, c, p in rows if c in place}


def scores_of(con: duckdb.DuckDBPyConnection, row: HeadFacts, found: whole.Whole) -> np.ndarray:
    return heads.image_scores(con, row.bank_id, found.loaded.concept_ids, image_ids=found.ids)


def mean_area(y: np.ndarray, z: np.ndarray) -> float:
    areas = []
    for j in range(y.shape[1]):
        known = ~np.isnan(y[:, j])
        if 3 <= y[known, j].sum() <= known.sum() - 3:
            areas.append(roc_auc_score(y[known, j], z[known, j]))
    return float(np.mean(areas))


@pytest.mark.parametrize("name", [FOUND, RESIDUAL, LABELLED])
def test_images_are_those_of_which_a_label_is_known(
    name: str, con: duckdb.DuckDBPyConnection
) -> None:
    found = whole.of(head(con, name))
    known = marks(con, found.loaded.class_ids)
    assert found.ids.tolist() == sorted({image for image, _ in known})
    assert found.labels is not None
    for i, image in enumerate(found.ids):
        for j in range(len(found.loaded.class_ids)):
            own = found.labels.y[i, j]
            assert (int(image), j) in known or np.isnan(own)
            assert np.isnan(own) or bool(own) == known[int(image), j]
    told = whole.told(found, found.logits)
    limits = several.thresholds(head(con, name).head_id)
    said = bottleneck.sigmoid(found.logits) >= limits
    n = right = 0
    for (image, j), shown in known.items():
        i = found.ids.tolist().index(image)
        assert told[i, j] == (said[i, j] == shown)
        n, right = n + 1, right + (said[i, j] == shown)
    assert whole.share(told) == (pytest.approx(right / n), right, n)


@pytest.mark.parametrize("name", [FOUND, RESIDUAL])
@pytest.mark.parametrize("again", [False, True])
def test_an_edit_of_the_head_is_judged_label_by_label(
    name: str, again: bool, con: duckdb.DuckDBPyConnection
) -> None:
    row = head(con, name)
    found = whole.of(row)
    concept = int(found.loaded.concept_ids[0])
    edited = edited_head.apply(row, (Edit("prune", concept),), again, False)
    change = edited_head.preview(row, edited)
    assert isinstance(change, EachPreview)
    assert (edited.weight[:, 0] == 0).all()
    scores = scores_of(con, row, found)
    rest = whole.rest(found, scores, found.logits)
    after = bottleneck.logits(edited, scores, rest)
    assert found.labels is not None
    for split, c in change.by_split.items():
        rows = (found.rows["split"] == split).to_numpy()
        y = found.labels.y[rows]
        assert c.means[0] == pytest.approx(mean_area(y, found.logits[rows]), abs=1e-6)
        assert c.means[1] == pytest.approx(mean_area(y, after[rows]), abs=1e-6)
        assert c.gain.lo <= c.gain.value <= c.gain.hi
    if again:
        train = (found.rows["split"] == "train").to_numpy()
        kept = edited_head.apply(row, (Edit("prune", concept),), False, False)
        losses = []
        for h in (kept, edited):
            z = bottleneck.logits(h, scores, rest)[train]
            y = found.labels.y[train]
            cost = np.logaddexp(0, z) - np.nan_to_num(y) * z
            losses.append(np.where(np.isnan(y), 0, cost).sum())
        assert losses[1] < losses[0]
    told = json.loads(
        edited_head.as_json(row, EditSet((Edit("prune", concept),), again), edited, change)
    )
    assert told["labels"]["test"]["auroc_after"] == pytest.approx(change.by_split["test"].means[1])
    assert "accuracy" not in told


def test_the_global_tab_shows_the_mean_area_and_its_chance(
    visit: Open, con: duckdb.DuckDBPyConnection
) -> None:
    row = head(con, FOUND)
    concept = int(whole.of(row).loaded.concept_ids[0])
    at = visit(t="global", h=FOUND, g=f"p{concept},r")
    shown = next(m for m in at.metric if m.label == "test: mean AUROC")
    hold = at.toggle(key="global_hold").value
    edited = edited_head.apply(row, (Edit("prune", concept),), True, hold)
    change = edited_head.preview(row, edited)
    assert isinstance(change, EachPreview)
    assert shown.value == number(change.by_split["test"].means[1])
    assert "chance 0.5" in shown.help
    assert "95 % interval" in shown.help


def test_curves_end_where_every_concept_is_what_labels_say(con: duckdb.DuckDBPyConnection) -> None:
    row = head(con, LABELLED)
    found = whole.of(row)
    asked = curve_data.Asked("test", None, None, False)
    given = curve_data.ready(row, asked)
    assert given is not None
    assert given.situation.targets is not None
    assert given.situation.values is not None
    scores, y = given.situation.scores, given.situation.targets
    for policy in curve_data.LINES:
        line = curve_data.line(row, asked, policy)
        assert isinstance(line.curve, EachCurve)
        start = bottleneck.logits(found.loaded.head, scores)
        assert line.values["auc"][0] == pytest.approx(slow_area(y, start))
        if policy != curve_data.CONTROL:
            end = bottleneck.logits(found.loaded.head, given.situation.values)
            assert line.values["auc"][-1] == pytest.approx(slow_area(y, end))
    best, control = (curve_data.line(row, asked, p) for p in ("greedy", curve_data.CONTROL))
    assert best.values["loss"].min() < control.values["loss"].min()


def slow_area(y: np.ndarray, z: np.ndarray) -> float:
    """Over every label that is there and lacking, also of few images."""
    areas = []
    for j in range(y.shape[1]):
        known = ~np.isnan(y[:, j])
        if 0 < y[known, j].sum() < known.sum():
            areas.append(roc_auc_score(y[known, j], z[known, j]))
    return float(np.mean(areas))


def test_the_curves_tab_says_what_is_drawn(visit: Open) -> None:
    at = visit(t="curves", h=LABELLED)
    text = "\n".join(e.value for kind in (at.caption, at.markdown) for e in kind)
    assert "0.5 for AUROC" in text
    assert "bits for the cross-entropy" in text
    assert "tells more labels rightly of" in text
    at.segmented_control(key="curves_measure").set_value("loss").run()
    assert not at.exception


@pytest.mark.parametrize("mode", ["ablate", "scale", "clamp", "suppress"])
def test_an_edit_of_latents_is_counted_over_known_labels(
    mode: str, con: duckdb.DuckDBPyConnection
) -> None:
    row = head(con, FOUND)
    found = whole.of(row)
    assert found.labels is not None
    label = int(found.loaded.class_ids[1])
    target = latent_sets.members(found, Aim(class_id=label, split="test"))
    shown = (found.labels.y[:, 1] == 1) & (found.rows["split"] == "test").to_numpy()
    np.testing.assert_array_equal(target, shown)
    aimed = latent_edits.Aimed(target, ~target)
    columns = np.array([0, 2])
    edit = latent_edits.Edit(mode, {"clamp": 95.0, "scale": 3.0}.get(mode, 0.0))
    result = latent_edits.outcome(row, columns, edit, aimed)

    scores = scores_of(con, row, found)
    new = scores.copy()
    new[:, columns] = latent_edits.changed(scores[:, columns], edit, aimed)
    z = found.logits + (new - scores) @ found.loaded.head.weight.T
    said = bottleneck.sigmoid(z) >= several.thresholds(row.head_id)
    y = found.labels.y
    np.testing.assert_array_equal(result.after, np.where(np.isnan(y), np.nan, said == (y == 1)))
    was = bottleneck.sigmoid(found.logits) >= several.thresholds(row.head_id)
    np.testing.assert_array_equal(result.flipped, (said != was).any(1))
    n = (~np.isnan(y[target])).sum(0)
    positive = (y[target] == 1).sum(0)
    assert whole.chance(found, target) == pytest.approx(
        np.maximum(positive, n - positive).sum() / n.sum()
    )
    wrong = latent_sets.members(found, Aim(judged="wrong"))
    told = np.where(np.isnan(y), True, was == (y == 1)).all(1)
    np.testing.assert_array_equal(wrong, ~told)


def test_the_latents_tab_counts_labels(visit: Open, con: duckdb.DuckDBPyConnection) -> None:
    row = head(con, FOUND)
    found = whole.of(row)
    at = visit(t="latents", h=FOUND, le="ablate:0:0:d:4:.0.1")
    shown = next(m for m in at.metric if m.label == "Target: labels told rightly")
    target = latent_sets.members(found, Aim(class_id=int(found.loaded.class_ids[0])))
    _, right, n = whole.share(whole.told(found, found.logits)[target])
    assert f"Before {rate(right, n)}" in shown.help
    assert "of each label what is commoner" in shown.help


def test_images_are_called_by_all_their_labels(con: duckdb.DuckDBPyConnection) -> None:
    names = carried.names(con, [0, 1, 2])
    for image, name in names.items():
        rows = con.execute(
            "SELECT name FROM image_class JOIN class USING (class_id) "
            "WHERE image_id = $i AND present ORDER BY class_id",
            {"i": image},
        ).fetchall()
        assert name == (" + ".join(r[0] for r in rows) or carried.NONE)
