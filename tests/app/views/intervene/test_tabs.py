"""What a person asks the Intervene page beside moving handles, and what it answers."""

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
from safetensors import numpy as safetensors
from streamlit.testing.v1 import AppTest

from app import db
from app.views.intervene import (
    address_edits,
    address_head_edits,
    ask_next,
    edited_head,
    head_lab,
    smallest,
    whole,
)
from app.views.intervene.address_head_edits import Edit, EditSet
from app.views.intervene.tabs import curve_data
from core import bottleneck
from core.intervention import policies
from data import store
from data.queries import build, images
from data.queries.build import HeadFacts

LABELLED, FOUND = "cav · sparse", "sae · backbone"
TABS = ("batch", "curves", "global", "latents", "spatial")
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
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
        at.query_params.update(params)
        opening.choose(at, "intervene")
        at.query_params.update(params)
        return done(at.run())

    yield visit_
    st.cache_resource.clear()  # closes the stores


def done(at: AppTest) -> AppTest:
    assert not at.exception, at.exception[0].value
    return at


def head(con: duckdb.DuckDBPyConnection, name: str = LABELLED) -> HeadFacts:
    return next(one for one in build.heads(con) if one.name == name)


@pytest.mark.parametrize("name", [LABELLED, FOUND])
@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_by_link(visit: Open, tab: str, name: str) -> None:
    at = visit(t=tab, h=name, i="3", e="0:0.5", w="1", g="p1,k2,r~a name", r="k0-3;x5;a0.3")
    assert at.query_params["t"] == tab
    assert at.subheader[-1].value or at.subheader


@pytest.mark.parametrize("junk", ["x'; --", "<script>**_`$", "-1", "9" * 40, "p999999999,s0.77:1"])
@pytest.mark.parametrize("tab", [*TABS, "nonsense"])
def test_a_broken_link_breaks_nothing(visit: Open, tab: str, junk: str) -> None:
    visit(t=tab, h=LABELLED, i="3", g=junk, r=junk, w=junk, e=junk)


def test_asking_next_applies_what_the_labels_say(visit: Open) -> None:
    at = visit(h=LABELLED, i="3")
    button = next(b for b in at.button if str(b.key).startswith("ask_"))
    concept = int(str(button.key).removeprefix("ask_"))
    assert "uncertainty" in button.label
    assert "influence" in button.label
    told = button.help
    done(button.click().run())
    found = address_edits.parse(at.query_params["e"])
    assert list(found) == [concept]
    assert "present" in told or "absent" in told
    assert all(b.key != button.key for b in at.button)  # asked once


def test_suggestions_fall_in_usefulness_and_leave_out_what_is_edited(
    con: duckdb.DuckDBPyConnection,
) -> None:
    row = head(con)
    lab = head_lab.lab(row, 3)
    ids = {"bank_id": row.bank_id, "head_id": row.head_id, "image_id": 3}
    found = ask_next.suggestions(lab, {}, **ids)
    useful = [s.influence * (s.uncertainty or 0) for s in found]
    assert useful == sorted(useful, reverse=True)
    assert useful[-1] > 0
    first = found[0]
    at = lab.measured(np.array([first.column]))
    assert first.value == (at.present if first.truth else at.absent)[1, 0]
    again = ask_next.suggestions(lab, {first.column: first.value or 0.0}, **ids)
    assert first.column not in [s.column for s in again]


def test_the_smallest_change_flips_and_half_of_it_does_not(con: duckdb.DuckDBPyConnection) -> None:
    flips = 0
    for name in (LABELLED, FOUND):
        for image_id in (0, 5, 12, 20):
            lab = head_lab.lab(head(con, name), image_id)
            now = int(lab.probabilities({}).argmax())
            for flip in smallest.single(lab, {}, target=None, within=False):
                score = float(lab.scores[0, flip.column])
                after = lab.probabilities({flip.column: flip.value}).argmax()
                assert after == flip.becomes != now
                half = lab.probabilities({flip.column: (score + flip.value) / 2})
                assert half.argmax() == now
                flips += 1
            several = smallest.several(lab, {}, target=None)
            if several is not None:
                assert lab.probabilities(several).argmax() != now
    assert flips > 4


def test_applying_the_smallest_change_puts_it_into_the_address(visit: Open) -> None:
    at = visit(h=LABELLED, i="3")
    at = done(at.toggle(key="smallest_within").set_value(False).run())
    button = next(b for b in at.button if str(b.key).startswith("smallest_"))
    done(button.click().run())
    assert len(address_edits.parse(at.query_params["e"])) == 1
    assert any("the prediction becomes" in m.value for m in at.markdown)


def test_other_concepts_follow_only_when_asked_to(visit: Open) -> None:
    at = visit(h=LABELLED, i="3", e="0:9")
    assert not any("concepts follow by more" in m.value for m in at.markdown)
    done(at.segmented_control(key="lab_follow").set_value("gaussian").run())
    assert at.query_params["w"] == "gaussian"
    assert any("concepts follow by more" in m.value for m in at.markdown)


def test_removing_a_group_is_previewed_before_it_is_in_the_set(visit: Open) -> None:
    at = visit(h=LABELLED, t="global")
    assert not at.metric
    done(at.selectbox(key="global_group").set_value("colour").run())
    tried = {m.label: (m.value, m.delta) for m in at.metric}
    assert "test: accuracy" in tried
    assert "g" not in at.query_params
    done(at.button(key="global_add").click().run())
    assert {m.label: (m.value, m.delta) for m in at.metric} == tried
    link = at.query_params["g"]
    pruned = address_head_edits.parse(link)
    assert {e.kind for e in pruned.edits} == {"prune"}
    again = visit(h=LABELLED, t="global", g=link)
    assert {m.label: (m.value, m.delta) for m in again.metric} == tried
    done(again.multiselect(key="global_set").set_value([0]).run())
    assert address_head_edits.parse(again.query_params["g"]).edits == pruned.edits[:1]
    done(again.toggle(key="global_refit").set_value(True).run())
    assert address_head_edits.parse(again.query_params["g"]).refit


@pytest.mark.parametrize("name", [LABELLED, FOUND])
@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize("hold", [False, True])
def test_the_preview_is_the_edited_head_run_from_scratch(
    con: duckdb.DuckDBPyConnection, name: str, refit: bool, hold: bool
) -> None:
    row = head(con, name)
    found = whole.of(row)
    concepts = found.loaded.concept_ids
    given = (
        Edit("prune", int(concepts[0])),
        Edit("scale", int(concepts[1]), None, -2.0),
        Edit("set", int(concepts[-1]), int(found.loaded.class_ids[1]), 4.0),
    )
    edited = edited_head.apply(row, given, refit, hold)
    assert (edited.weight[:, 0] == 0).all()
    change = edited_head.preview(row, edited)
    scores = whole.scores(row, np.arange(len(concepts)))
    rest = whole.rest(found, scores, found.logits)
    np.testing.assert_array_equal(
        change.predicted, bottleneck.logits(edited, scores, rest).argmax(1)
    )
    for split, (before, after) in change.by_split.items():
        rows = (found.rows["split"] == split).to_numpy()
        assert after.n == rows.sum()
        assert after.value == pytest.approx((change.predicted == found.classes)[rows].mean())
        assert before.value == pytest.approx((found.logits.argmax(1) == found.classes)[rows].mean())


def test_an_edited_head_is_exported_whole(con: duckdb.DuckDBPyConnection) -> None:
    row = head(con)
    given = EditSet((Edit("prune", int(whole.of(row).loaded.concept_ids[0])),), name="less")
    edited = edited_head.apply(row, given.edits, False, False)
    change = edited_head.preview(row, edited)
    facts = json.loads(edited_head.as_json(row, given, edited, change))
    assert facts["name"] == "less"
    assert facts["head"] == LABELLED
    assert facts["edits"][0]["kind"] == "prune"
    assert facts["accuracy"]["test"]["n"] == change.by_split["test"].after.n
    tensors = safetensors.load(edited_head.as_safetensors(row, given, edited, change))
    np.testing.assert_array_equal(tensors["weight"], edited.weight)
    np.testing.assert_array_equal(tensors["bias"], edited.bias)
    np.testing.assert_array_equal(tensors["concept_ids"], whole.of(row).loaded.concept_ids)


@pytest.mark.parametrize("grouped", [False, True])
def test_a_curve_starts_at_the_head_and_ends_with_everything_corrected(
    con: duckdb.DuckDBPyConnection, grouped: bool
) -> None:
    row = head(con)
    asked = curve_data.Asked("train", None, None, grouped)
    given = curve_data.ready(row, asked)
    assert given is not None
    s = given.situation
    assert s.values is not None
    found = whole.of(row)
    rows = (found.rows["split"] == "train").to_numpy()
    start = (found.logits[rows].argmax(1) == found.classes[rows]).mean()
    end = (bottleneck.logits(s.head, s.values, s.rest).argmax(1) == s.classes).mean()
    for policy in policies.POLICIES:
        line = curve_data.line(row, asked, policy)
        assert line.values["accuracy"][0] == pytest.approx(start)
        assert line.values["accuracy"][-1] == pytest.approx(end)
        assert line.curve.corrected[-1] == len(found.facts)
    n_groups = len(np.unique(curve_data.group_ids(found.facts)))
    assert len(line.values["accuracy"]) - 1 == (n_groups if grouped else len(found.facts))


def test_curves_print_how_many_images_they_are_of(visit: Open) -> None:
    at = visit(h=LABELLED, t="curves")
    assert any(c.value.startswith("n = ") for c in at.caption)
    n = next(c.value for c in at.caption if c.value.startswith("n = "))
    assert "chance" in n


def test_curves_of_unlabelled_concepts_say_why_there_are_none(visit: Open) -> None:
    at = visit(h=FOUND, t="curves")
    assert any("fitted to a label" in i.value for i in at.info)


def test_edits_are_taken_up_again_only_with_their_image_and_head(visit: Open) -> None:
    at = visit(h=LABELLED, i="3", e="0:0.5", t="global", g="p0")
    at.query_params.clear()
    at.switch_page("views/image/page.py").run()
    assert at.query_params["h"] == LABELLED
    assert at.query_params["i"] == "3"
    at.query_params.clear()
    at.switch_page("views/intervene/page.py").run()
    assert at.query_params["e"] == "0:0.5"
    assert at.query_params["g"] == "p0"
    at.query_params.clear()
    at.query_params["i"] = "5"
    at.query_params["h"] = LABELLED
    at.switch_page("views/image/page.py").run()
    at.query_params.clear()
    at.switch_page("views/intervene/page.py").run()
    assert at.query_params["i"] == "5"
    assert "e" not in at.query_params
    assert at.query_params["g"] == "p0"


def test_every_image_of_the_store_can_be_marked(con: duckdb.DuckDBPyConnection) -> None:
    """A map averages to its score, or marking nothing would change something."""
    row = head(con)
    for image_id in images.image_ids(con)[:6]:
        lab = head_lab.lab(row, int(image_id))
        maps = images.concept_maps(con, row.bank_id, int(image_id))
        assert maps is not None
        np.testing.assert_allclose(maps[lab.loaded.concept_ids].mean(1), lab.scores[0], atol=1e-3)
