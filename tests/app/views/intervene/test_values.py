"""Values, followers, pinned and saved edits, the report: what surrounds the handles."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import numpy as np
import opening
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app import db
from app.views.intervene import follow_rules, head_lab, levels, pinned, report, whole
from app.views.intervene.tabs import curve_data, weight_matrix
from core import bottleneck
from core.intervention import energy_propagation, strategies
from data import store
from data.annotations import open_annotations
from data.queries import build, heads, images
from data.queries.build import HeadFacts

LABELLED, FOUND = "cav · sparse", "sae · backbone"
Open = Callable[..., AppTest]


@pytest.fixture
def copy(tiny_store: Path, tmp_path: Path) -> Path:
    """A store of one's own: people's words beside it stay in this test."""
    return Path(shutil.copy(tiny_store, tmp_path / tiny_store.name))


@pytest.fixture
def con(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    st.cache_resource.clear()
    st.cache_data.clear()
    opened = store.open_readonly(copy)
    monkeypatch.setattr(db, "cursor", opened.cursor)
    monkeypatch.setattr(db, "key", lambda: db.StoreFile(str(copy), 0, 0))
    yield opened
    opened.close()


@pytest.fixture
def visit(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    def visit_(view: str = "intervene", **params: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(copy)])
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
        at.query_params.update(params)
        opening.choose(at, view)
        at.query_params.update(params)
        return done(at.run())

    yield visit_
    st.cache_resource.clear()


def done(at: AppTest) -> AppTest:
    assert not at.exception, at.exception[0].value
    return at


def row(con: duckdb.DuckDBPyConnection, name: str = LABELLED) -> HeadFacts:
    return next(one for one in build.heads(con) if one.name == name)


@pytest.mark.parametrize("name", [LABELLED, FOUND])
def test_what_present_and_absent_set_is_measured_on_train_images(
    con: duckdb.DuckDBPyConnection, name: str
) -> None:
    lab = head_lab.lab(row(con, name), 3)
    every = np.arange(lab.scores.shape[1])
    at = lab.measured(every)
    assert at.n == len(images.image_ids(con, split="train"))
    train = images.image_ids(con, split="train").astype(np.int64)
    own = heads.image_scores(con, lab.bank_id, lab.loaded.concept_ids, image_ids=train)
    alone = np.flatnonzero(~lab.facts["name_source"].isin(("label", "matched")))
    for k in alone:  # without a label, present is where it is active
        assert at.n_present[k] == (own[:, k] > 0).sum()
    assert len(alone) > 0 or name == LABELLED
    found = levels.presets(at, lab.scores, every)
    absent, present = found["typical"]
    np.testing.assert_array_equal(present, at.present[1])
    np.testing.assert_array_equal(absent, at.absent[1])
    np.testing.assert_array_equal(found["strong"][0], at.absent[0])
    assert found["own"][1] == pytest.approx(np.percentile(lab.scores[0], 95))
    assert set(found["probability"][1]) == {1.0}
    some = every[::-2]
    again = lab.measured(some)
    np.testing.assert_array_equal(again.high, at.high[some])
    apart = levels._levels(
        lab.head_id, lab.bank_id, tuple(int(k) for k in some)
    )  # as for heads too large to measure whole
    np.testing.assert_array_equal(apart.present, at.present[:, some])


def test_marks_tell_unusual_from_off_distribution() -> None:
    bounds = {"low": -1.0, "high": 1.0, "lowest": -2.0, "highest": 2.0}
    marks = [levels.mark(v, **bounds) for v in (0.0, 1.00001, 1.5, -2.0, 2.1)]
    assert marks == ["", "", "unusual", "unusual", "off-distribution"]


def test_the_element_learns_the_values_labels_and_peoples_names(
    con: duckdb.DuckDBPyConnection, copy: Path
) -> None:
    head = row(con)
    lab = head_lab.lab(head, 3)
    first = int(lab.loaded.concept_ids[0])
    open_annotations(copy).set_name(lab.bank, first, name="my name")
    facts = images.image(con, 3)
    assert facts is not None
    bank = build.bank(con, lab.bank_id)
    nothing = head_lab.Asked(text="", columns={}, class_id=None, extra=[])
    sent = head_lab.payload(lab, facts, nothing, bank=bank, picture=b"")
    by_id = {c["id"]: c for c in sent["concepts"]}
    assert by_id[first]["also"] == "my name"
    assert set(by_id[first]["levels"]) == set(strategies.STRATEGIES)
    assert {c["truth"] for c in sent["concepts"]} <= {0.0, 1.0, None}
    assert any(c["truth"] is not None for c in sent["concepts"])
    assert sent["nLevels"] == len(images.image_ids(con, split="train"))
    json.dumps(sent, allow_nan=False)  # NaN is no JSON


@pytest.mark.parametrize("rule", ["gaussian", "table", "class"])
def test_the_others_follow_and_the_edits_stay(con: duckdb.DuckDBPyConnection, rule: str) -> None:
    lab = head_lab.lab(row(con), 3)
    end = "score_min" if lab.scores[0, 0] > 0 else "score_max"  # to the other side
    columns = {0: float(lab.facts[end].iloc[0]) * 2}
    found = follow_rules.followed(lab, columns, rule=rule, class_row=1)
    assert not isinstance(found, str)
    assert found.scores[0, 0] == columns[0]
    assert not found.moved[0, 0]
    assert found.moved.any()
    assert np.isfinite(found.by).all()
    if rule == "class":
        of_class = whole.fitted(lab.head_id, lab.bank_id).classes
        n = int((of_class == lab.loaded.class_ids[1]).sum())
        assert found.n is not None
        assert found.n.max() <= n
        assert f"n = {n:,}" in found.about


def test_an_energy_moves_the_others_as_the_mathematics_says(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = head_lab.lab(row(con), 3)
    n = build.bank(con, lab.bank_id).n_concepts
    rng = np.random.default_rng(5)
    energies = energy_propagation.Energies(
        rng.normal(size=(4, n)), np.zeros(4), np.zeros(n), np.zeros((n, n)), np.arange(4)
    )
    monkeypatch.setattr(follow_rules, "_energies", lambda *_: energies)
    ids = lab.loaded.concept_ids
    found = follow_rules.followed(lab, {1: -3.0}, rule="energy", class_row=0)
    assert not isinstance(found, str)
    all_scores = heads.image_scores(
        con, lab.bank_id, np.arange(n), image_ids=np.array([lab.image_id])
    )
    twin = energy_propagation.follow(energies, all_scores, {int(ids[1]): -3.0})
    np.testing.assert_allclose(found.scores, twin.scores[:, ids])
    assert found.scores[0, 1] == -3.0
    assert (np.abs(found.by[[0, 2]]) > 0).all()
    # a head of kind energy: what the image says of its class counts, by the energies' class order
    class_ids = lab.loaded.class_ids
    rest = rng.normal(size=(1, len(class_ids))) * 3
    turned = energy_propagation.Energies(
        energies.weight[: len(class_ids)],
        np.zeros(len(class_ids)),
        np.zeros(n),
        np.zeros((n, n)),
        class_ids[::-1],
    )
    monkeypatch.setattr(follow_rules, "_energies", lambda *_: turned)
    found = follow_rules.followed(
        replace(lab, kind="energy", rest=rest), {1: -3.0}, rule="energy", class_row=0
    )
    assert not isinstance(found, str)
    twin = energy_propagation.follow(
        turned, all_scores, {int(ids[1]): -3.0}, class_logits=rest[:, ::-1]
    )
    np.testing.assert_allclose(found.scores, twin.scores[:, ids])
    alone = energy_propagation.follow(turned, all_scores, {int(ids[1]): -3.0})
    assert np.abs(found.scores - alone.scores[:, ids]).max() > 1e-3


def test_what_cannot_follow_says_why(con: duckdb.DuckDBPyConnection) -> None:
    lab = head_lab.lab(row(con, FOUND), 3)
    for rule, words in (("table", "no table says"), ("energy", "method energy")):
        found = follow_rules.followed(lab, {0: 1.0}, rule=rule, class_row=0)
        assert isinstance(found, str)
        assert words in found
    assert follow_rules.parse("1") == ("gaussian", None)
    assert follow_rules.parse("class.12") == ("class", 12)
    assert [follow_rules.parse(t)[0] for t in (None, "x", "table.4", "class.-1")] == [
        "off",
        "off",
        "table",
        "class",
    ]


def test_following_by_labels_is_chosen_shown_and_taken_over(visit: Open) -> None:
    at = visit(h=LABELLED, i="3", e="0:-9", w="table")
    at = visit(h=LABELLED, i="3", e="0:-9", w="class.1")
    assert any("concepts follow by more" in m.value for m in at.markdown)
    assert at.selectbox(key="lab_follow_class").value == 1
    done(at.button(key="lab_follow_take").click().run())
    assert "w" not in at.query_params
    assert len(at.query_params["e"].split(",")) > 1


def test_two_edits_side_by_side(visit: Open, con: duckdb.DuckDBPyConnection) -> None:
    at = visit(h=LABELLED, i="3", e="0:9")
    done(at.button(key="pin").click().run())
    assert at.query_params["l"] == "0:9"
    at = visit(h=LABELLED, i="3", e="1:-4", l="0:9")
    lab = head_lab.lab(row(con), 3)
    tops = [str(m.value) for m in at.metric[:3]]
    for given, shown in zip(({}, {0: 9.0}, {1: -4.0}), tops, strict=True):
        columns, _ = head_lab.by_column(lab, given)
        assert shown == lab.loaded.class_names[int(lab.probabilities(columns).argmax())]
    values = at.dataframe[0].value
    assert values["A"].tolist()[0] == 9.0
    assert values["B"].tolist()[1] == -4.0
    done(at.button(key="pin_swap").click().run())
    assert (at.query_params["e"], at.query_params["l"]) == ("0:9", "1:-4")
    done(at.button(key="pin_clear").click().run())
    assert "l" not in at.query_params
    visit(h=LABELLED, i="3", l=pinned.NOTHING)


def test_an_edit_is_saved_opened_and_deleted(visit: Open, copy: Path) -> None:
    at = visit(h=LABELLED, i="3", e="0:9", w="table", u="strong")
    at.text_input(key="saved_name").set_value("mine **bold**")
    done(at.button(key="saved_save").click().run())
    assert any("Saved" in s.value for s in at.success)
    saved = open_annotations(copy).edit_sets()
    assert [s.name for s in saved] == ["mine **bold**"]
    assert saved[0].query["e"] == "0:9"
    assert saved[0].query["u"] == "strong"
    assert "s" not in saved[0].query
    at = visit(h=FOUND, i="5", e="1:4")
    done(at.button(key="saved_open_mine **bold**").click().run())
    assert {k: at.query_params[k] for k in ("h", "i", "e", "w", "u")} == {
        "h": LABELLED,
        "i": "3",
        "e": "0:9",
        "w": "table",
        "u": "strong",
    }
    assert at.number_input(key="picker_id").value == 3
    done(at.button(key="saved_delete_mine **bold**").click().run())
    assert open_annotations(copy).edit_sets() == []


def test_a_broken_file_of_notes_leaves_every_page_standing(visit: Open, copy: Path) -> None:
    open_annotations(copy).path.write_text("{", encoding="utf-8")
    at = visit(h=LABELLED, i="3")
    assert any("damaged" in w.value for w in at.warning)
    assert at.button(key="saved_save").disabled
    visit("concepts", b="cav")
    at = visit("concept", b="cav", c="0")
    assert any("damaged" in w.value for w in at.warning)


def test_people_name_a_concept_and_find_it_by_that_name(visit: Open, copy: Path) -> None:
    at = visit("concept", b="nmf", c="1")
    at.text_input(key="naming-nmf-1-name").set_value("sky _top_")
    at.text_area(key="naming-nmf-1-note").set_value("line one\nline two")
    at.text_input(key="naming-nmf-1-who").set_value("Ada")
    save = next(b for b in at.button if b.label == "Save")
    done(save.click().run())
    found = open_annotations(copy).names("nmf")[1]
    assert (found.name, found.who) == ("sky _top_", "Ada")
    assert any("named by people (Ada, 20" in m.value for m in at.markdown)
    assert any("line two" in t.value for t in at.text)
    listed = visit("concepts", b="nmf", q="SKY _t")
    table = listed.dataframe[0].value
    assert table["concept_id"].tolist() == [1]
    assert table["people"].tolist() == ["sky _top_"]


def test_a_control_sets_other_images_labels(con: duckdb.DuckDBPyConnection) -> None:
    head = row(con)
    asked = curve_data.Asked("train", None, None, False, "typical")
    given = curve_data.ready(head, asked)
    assert given is not None
    values, foreign = given.situation.values, given.foreign
    assert values is not None
    assert foreign.shape == (curve_data.N_CONTROLS, *values.shape)
    known = given.situation.truth
    assert known is not None
    complete = ~np.isnan(known).any(0)  # there every row is some other image's
    for draw in foreign:
        ours = sorted(map(tuple, values[:, complete].round(9)))
        assert sorted(map(tuple, draw[:, complete].round(9))) == ours
        assert not (draw == values).all()
    order = curve_data._others(7, np.random.default_rng(0))
    assert sorted(order) == list(range(7))
    assert (order != np.arange(7)).all()
    control = curve_data.line(head, asked, curve_data.CONTROL)
    known_line = curve_data.line(head, asked, "cooperative")
    assert control.values["accuracy"][0] == known_line.values["accuracy"][0]
    assert control.values["accuracy"][-1] < known_line.values["accuracy"][-1]


def test_curves_set_what_is_chosen(con: duckdb.DuckDBPyConnection) -> None:
    head = row(con)
    for strategy in strategies.STRATEGIES:
        asked = curve_data.Asked("train", None, None, False, strategy)
        given = curve_data.ready(head, asked)
        assert given is not None
        s = given.situation
        assert s.truth is not None
        assert s.values is not None
        assert given.n_set == int((~np.isnan(s.truth)).sum())
        if strategy == "probability":
            known = ~np.isnan(s.truth)
            np.testing.assert_array_equal(s.values[known], s.truth[known])


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert all(not k.startswith("on") for k, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_a_report_tells_all_and_runs_nothing(visit: Open, copy: Path) -> None:
    nasty = "<script>alert(1)</script> & <img src=x onerror=alert(2)>"
    with duckdb.connect(str(copy)) as writer:
        writer.execute("UPDATE class SET name = name || $x", {"x": nasty})
    at = visit(h=LABELLED, i="3", e="0:9", g="p1")
    assert any(b.label == "Report (HTML)" for b in at.get("download_button"))
    opened = store.open_readonly(copy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(db, "cursor", opened.cursor)
        patch.setattr(db, "key", lambda: db.StoreFile(str(copy), 1, 0))
        lab = head_lab.lab(row(opened), 3)
        facts = images.image(opened, 3)
        assert facts is not None
        given = report.facts(lab, facts, {0: 9.0}, bank_unit="unit")
        json.loads(report.as_json(given))
        page = report.as_html(
            given, images.picture(opened, 3) or b"", of_head=[("edit", nasty)], when="now"
        )
        after = lab.probabilities({0: 9.0})
    opened.close()
    parsed = _Tags()
    parsed.feed(page)
    assert "script" not in parsed.tags
    assert parsed.tags.count("img") == 1
    text = " ".join(parsed.text)
    assert "<script>alert(1)</script>" in text  # as words, not as a tag
    top = max(given["classes"], key=lambda c: c["p_after"])
    assert top["p_after"] == pytest.approx(after.max())
    assert given["store"]["fingerprint"] in text
    assert given["edits"][0]["mark"] in ("", "off-distribution", "unusual")
    assert "http" not in page.replace("data:image/jpeg", "")


def test_the_weights_shown_are_the_largest() -> None:
    rng = np.random.default_rng(4)
    weight = rng.normal(size=(30, 100))
    weight[7, 55] = 99.0
    concepts, classes = weight_matrix.places(bottleneck.Head(weight, np.zeros(30)))
    assert len(concepts) == weight_matrix.MOST_CONCEPTS
    assert len(classes) == weight_matrix.MOST_CLASSES
    assert concepts[0] == 55
    assert 7 in classes
    assert list(classes) == sorted(classes)
    assert weight_matrix._unique(["a", "b", "a", "Concept"]) == ["a", "b", "a (2)", "Concept (1)"]


def test_the_weights_follow_the_edit_set(visit: Open, con: duckdb.DuckDBPyConnection) -> None:
    at = visit(h=LABELLED, t="global", g="p0,w1.0:3.5")
    frame = next(d.value for d in at.dataframe if "Concept" in d.value and len(d.value) > 2)
    found = whole.of(row(con))
    names = found.facts.set_index("concept_id")["name"]
    first = frame[frame["Concept"] == names[1]].iloc[0]
    assert first[found.names[0]] == 3.5
    pruned = frame[frame["Concept"] == names[0]].iloc[0, 1:].astype(float)
    assert (pruned.fillna(0) == 0).all()
