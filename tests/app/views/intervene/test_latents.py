"""Editing latents on sets of images: what a link says, and what decisions follow."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import opening
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app import db
from app.views.intervene import whole
from app.views.intervene.tabs import latent_edits, latent_sets
from app.views.intervene.tabs.latent_edits import Aimed, Edit
from app.views.intervene.tabs.latent_sets import Aim
from core import bottleneck
from core.intervention import sae_edits
from data import store
from data.queries import build, effects
from data.queries.build import HeadFacts

FOUND = "sae · backbone"
Open = Callable[..., AppTest]


@pytest.fixture
def con(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    st.cache_resource.clear()
    st.cache_data.clear()
    opened = store.open_readonly(tiny_store)
    monkeypatch.setattr(db, "cursor", opened.cursor)
    monkeypatch.setattr(db, "key", lambda: db.StoreFile(str(tiny_store), 0, 0))
    yield opened
    opened.close()


@pytest.fixture
def visit(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    def visit_(**params: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(tiny_store)])
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=120)
        opening.choose(at, "intervene")
        at.query_params.update({"t": "latents", "i": "3", **params})
        return done(at.run())

    yield visit_
    st.cache_resource.clear()  # closes the stores


def done(at: AppTest) -> AppTest:
    assert not at.exception, at.exception[0].value
    return at


def head(con: duckdb.DuckDBPyConnection, name: str = FOUND) -> HeadFacts:
    return next(one for one in build.heads(con) if one.name == name)


@pytest.mark.parametrize(
    "edit",
    [
        Edit(),
        Edit("scale", 0.5, True, (3, 1), "exclusion", 7),
        Edit("clamp", 95.0, False, ()),
    ],
)
def test_an_edit_survives_its_link(edit: Edit) -> None:
    assert latent_edits.read(edit.text()) == edit


@pytest.mark.parametrize(
    "junk", ["", "x", "scale:nan:0:d:4:", "scale:1e9:0:d:4:", "ablate:0:0:d:0:", "::::::::", "é:1"]
)
def test_what_is_no_edit_is_the_usual_one(junk: str) -> None:
    assert latent_edits.read(junk) == Edit()


def test_a_set_survives_its_link_and_holds_the_images_it_names(
    con: duckdb.DuckDBPyConnection,
) -> None:
    found = whole.of(head(con))
    labels = effects.labelled(con)
    striped = next(i for i, name in labels.items() if name == "striped")
    aim = Aim(int(found.loaded.class_ids[1]), "train", "right", striped)
    assert latent_sets.read(aim.text(), found, labels) == aim
    assert latent_sets.read("9~~~", found, labels) is None
    assert latent_sets.read("~~~nowhere", found, labels) is None
    inside = latent_sets.members(found, Aim(class_id=aim.class_id, labelled_id=striped))
    rows = con.execute(
        "SELECT image_id FROM image JOIN image_label USING (image_id) WHERE class_id = ? "
        "AND labelled_id = ? AND present ORDER BY image_id",
        [aim.class_id, striped],
    ).fetchall()
    assert found.ids[inside].tolist() == [i for (i,) in rows]


@pytest.mark.parametrize("gated", [False, True])
@pytest.mark.parametrize(
    ("mode", "strength"), [("ablate", 0), ("scale", 3), ("clamp", 90), ("suppress", 0)]
)
def test_the_outcome_is_the_head_run_on_edited_scores(
    con: duckdb.DuckDBPyConnection, mode: str, strength: float, gated: bool
) -> None:
    row = head(con)
    found = whole.of(row)
    inside = found.classes == 0
    aimed = Aimed(inside, ~inside & (found.rows["split"] == "train").to_numpy())
    columns = np.arange(3)
    result = latent_edits.outcome(row, columns, Edit(mode, float(strength), gated), aimed)
    scores = whole.scores(row, np.arange(len(found.loaded.concept_ids)))
    new = scores.copy()
    together = scores[:, :3].sum(1)
    least = sae_edits.threshold(together[aimed.known], aimed.shown)
    for j in columns:
        old = scores[:, j]
        if mode == "suppress":
            likely = sae_edits.posterior(old[aimed.known, None], aimed.shown).at(old[:, None])
            value = old * (1 - likely[:, 0])
        else:
            value = {
                "ablate": 0 * old,
                "scale": strength * old,
                "clamp": np.full(len(old), np.percentile(old, strength)),
            }[mode]
        new[:, j] = np.where(together >= least, value, old) if gated else value
    rest = whole.rest(found, scores, found.logits)
    expected = bottleneck.logits(found.loaded.head, new, rest)
    np.testing.assert_allclose(found.logits + result.moved, expected, atol=1e-9)
    np.testing.assert_array_equal(result.now, expected.argmax(1)[:, None])
    right = found.logits.argmax(1) == found.classes
    np.testing.assert_array_equal(result.before, right[:, None])


@pytest.mark.parametrize("name", [FOUND, "cav · sparse", "nmf · sparse"])
def test_the_tab_opens_for_every_head(visit: Open, name: str) -> None:
    at = visit(h=name)
    told = " ".join(c.value for c in at.caption)
    assert ("exact for the model itself" in told) == (name == FOUND)
    assert ("This bank does not reconstruct" in told) == (name == "cav · sparse")


@pytest.mark.parametrize(
    "junk", ["x'; --", "<script>**_`$", "-1", "9" * 40, "scale:1:1:d:4:.999999", "0~~~", "~~wrong~"]
)
def test_a_broken_link_breaks_nothing(visit: Open, junk: str) -> None:
    visit(h=FOUND, ta=junk, rs=junk, le=junk)


def test_choices_go_into_the_address_and_come_back(visit: Open) -> None:
    at = visit(h=FOUND)
    done(at.number_input(key="latent_n").set_value(2).run())
    assert latent_edits.read(at.query_params["le"]).n == 2
    assert len(at.multiselect(key="latent_ids").value) <= 2
    done(at.selectbox(key="ta_class").set_value(2).run())
    assert at.query_params["ta"].startswith("2~")
    values = {m.label: m.value for m in at.metric}
    assert {"Target: accuracy", "Retained: changed"} <= set(values)
    again = visit(h=FOUND, ta=at.query_params["ta"])
    assert {m.label: m.value for m in again.metric} == values
