"""Lists of few unlike concepts on Image and Intervene: as core.diverse picks, never over 32."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
import streamlit as st
from in_node import SAY, needed, run, use

from app import db
from app.views.image import image_view
from app.views.intervene import head_lab
from app.widgets import diverse_rows
from core import diverse
from data import store
from data.queries import build, heads, images


@pytest.fixture
def con(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    st.cache_resource.clear()
    st.cache_data.clear()
    opened = store.open_readonly(tiny_store)
    monkeypatch.setattr(db, "cursor", opened.cursor)
    monkeypatch.setattr(db, "key", lambda: db.StoreFile(str(tiny_store), 0, 0))
    yield opened
    opened.close()


def test_picks_are_those_of_the_scores_over_all_images(con: duckdb.DuckDBPyConnection) -> None:
    ids = np.arange(4)
    values = np.array([[3.0, -2.0, 0.0, 1.0], [0.0, 0.0, 0.0, 0.0]])
    over = heads.image_scores(con, 0, ids, image_ids=images.image_ids(con))
    first, nothing = diverse_rows.picks(0, ids, values)
    assert first == diverse.pick(np.abs(values[0]), over.T).tolist()
    assert set(first) == {0, 1, 3}
    assert nothing == []
    assert diverse_rows.picks(0, ids[:0], values[:, :0]) == [[], []]


def test_a_repetition_is_left_out_however_large(monkeypatch: pytest.MonkeyPatch) -> None:
    over = np.array([[1.0, 0, 2], [2.0, 0, 4], [0, 1.0, 0]])
    monkeypatch.setattr(db, "key", lambda: db.StoreFile("none", 0, 0))
    monkeypatch.setattr(diverse_rows, "_scores", lambda *_: over)
    assert diverse_rows.picks(0, np.arange(3), np.array([[5.0, 6.0, 0.1]])) == [[1, 2]]


def test_the_image_page_gets_picks_for_all_it_sorts_by(con: duckdb.DuckDBPyConnection) -> None:
    head = build.heads(con)[0]
    bank = build.bank(con, head.bank_id)
    facts, found = images.image(con, 3), image_view.active_concepts(bank, 3)
    assert facts is not None
    assert found is not None
    concepts = found.concepts
    ids = concepts["concept_id"].to_numpy(np.int64)
    reading = image_view.read(head, 3, concept_ids=ids, label_id=None)
    assert reading is not None
    sent = image_view.payload(
        facts,
        b"",
        bank,
        reading=reading,
        active=found,
        asked=image_view.Asked(),
    )
    over = heads.image_scores(con, bank.bank_id, ids, image_ids=images.image_ids(con)).T
    for y, picked in enumerate(sent["diverse"]["contribution"]):
        parts = np.abs(reading.weights[y] * concepts["score"])
        assert picked == diverse.pick(parts.to_numpy(), over).tolist()
    assert len(sent["diverse"]["contribution"]) == len(sent["classes"])
    assert len(sent["diverse"]["score"]) == len(sent["diverse"]["share"]) == 1
    for c, y in zip(sent["classes"], range(len(sent["classes"])), strict=True):
        whole = c["bias"] + float(reading.weights[y] @ concepts["score"])
        assert sent["residual"] or c["logit"] == pytest.approx(whole, abs=1e-5)


def test_the_lab_gets_picks_for_the_class_in_hand(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_lab, "N_DIVERSE", 1)
    head = build.heads(con)[0]
    bank = build.bank(con, head.bank_id)
    facts = images.image(con, 3)
    assert facts is not None
    lab = head_lab.lab(head, 3)
    least = int(lab.probabilities({}).argmin())
    for class_id, known in ((None, False), (int(lab.loaded.class_ids[least]), True)):
        asked = head_lab.Asked(text="", columns={}, class_id=class_id, extra=[])
        sent = head_lab.payload(lab, facts, asked, bank=bank, picture=b"")
        assert (str(least) in sent["diverse"]) == (known or facts.label_id == least)
        assert str(sent["y"]) in sent["diverse"]
        json.dumps(sent["diverse"])
        ids = lab.loaded.concept_ids
        over = heads.image_scores(con, lab.bank_id, ids, image_ids=images.image_ids(con)).T
        for y, picked in sent["diverse"].items():
            parts = np.abs(lab.loaded.head.weight[int(y)] * lab.scores[0])
            assert picked == ids[diverse.pick(parts, over)].tolist()


@needed
def test_the_image_list_shows_the_picks_of_its_order_and_no_more() -> None:
    out = run(
        use("image_side", "ranked", "listed")
        + """
        const data = { scores: [1, 4, 3, 2], weights: [1, 1, 0, 1, 2, -1, 1, 0], most: [4, 4, 4, 4],
          diverse: { contribution: [[3, 1], [0, 2]], score: [[2, 0, 3]], share: [[1]] } };
        const by = (sort, y, diverse, limit) => {
          const { of, shown } = listed(data, ranked(data, sort, y), { sort, y, diverse, limit });
          return [of.length, shown.map((row) => row.index)];
        };
        const out = [by("contribution", 0, false, 2), by("contribution", 0, true, 12),
          by("contribution", 1, true, 12), by("score", 1, true, 2), by("share", 0, true, 12)];
        """
        + SAY
    )
    assert out == [[3, [1, 3]], [2, [3, 1]], [2, [0, 2]], [3, [2, 0]], [1, [1]]]


ROWS = (
    use("lab_model", "shownRows", "countText")
    + """
const held = new Set(given.edited);
const found = Array.from({ length: given.n }, (_, i) => i);
const rows = shownRows(found,
  { room: given.room, most: 32, focus: given.focus, held: (i) => held.has(i) });
const out = { ...rows, text: countText(rows, given.n, { nFolded: 0, picked: null }) };
"""
    + SAY
)


@needed
@pytest.mark.parametrize(
    ("room", "edited", "focus", "n_shown", "beyond", "hidden"),
    [
        (12, [], None, 12, 0, 0),
        (12, [3], None, 12, 0, 0),
        (12, [3, 40], 50, 14, 2, 0),
        (32, [40, 45], None, 32, 2, 0),
        (32, list(range(20, 60)), None, 32, 20, 8),
        (32, list(range(20, 60)), 59, 32, 20, 8),
        (12, list(range(60)), 59, 32, 20, 28),
    ],
)
def test_edited_rows_stay_in_sight_within_32(
    room: int, edited: list[int], focus: int | None, n_shown: int, beyond: int, hidden: int
) -> None:
    out = run(ROWS, n=60, room=room, edited=edited, focus=focus)
    rows = out["rows"]
    assert len(rows) == n_shown <= diverse.MOST
    assert rows == sorted(set(rows))
    assert (out["beyond"], out["hidden"]) == (beyond, hidden)
    assert focus is None or focus in rows
    assert out["hidden"] == len(set(edited) - set(rows))
    assert out["text"].startswith(f"{n_shown} of 60 shown")
    assert ("because edited or chosen" in out["text"]) == (beyond > 0)
    assert (f"{hidden} more edited" in out["text"]) == (hidden > 0)


@needed
def test_diverse_rows_come_first_and_the_others_by_contribution() -> None:
    out = run(
        use("lab_model", "order", "picksOf")
        + """
        const concepts = [..."abcde"].map((name, id) => ({ name, id: id + 10, group: null }));
        const at = new Map(concepts.map((c, i) => [c.id, i]));
        const lab = { concepts, at, scores: [1, 2, 3, 4, 5],
          head: { weights: [1, 1, 1, 1, 1, 1, -9, 1, 1, 0] }, diverse: { 0: [14, 10, 99, 12] } };
        const by = (y, query) => order(lab, { sort: "diverse", y, query });
        const out = { picked: by(0, ""), search: by(0, "d"), unanswered: by(1, ""),
          picks: picksOf(lab, 0), none: picksOf(lab, 1) };
        """
        + SAY
    )
    assert out["picks"] == [4, 0, 2]  # 99 is a concept that the browser does not hold
    assert out["none"] is None
    assert out["picked"] == [4, 0, 2, 3, 1]
    assert out["search"] == [3]
    assert out["unanswered"] == [1, 3, 2, 0, 4]
