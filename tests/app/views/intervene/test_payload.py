"""What travels to the browser on Intervene: the head once, afterwards only Python's answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import streamlit as st

from app import db
from app.views.intervene import head_lab
from data import store
from data.queries import build, images

IMAGE = 3
NOTHING = head_lab.Asked(text="", columns={}, class_id=None, extra=[])


@pytest.fixture
def con(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    st.cache_resource.clear()
    st.cache_data.clear()
    with store.open_readonly(tiny_store) as opened:
        monkeypatch.setattr(db, "cursor", opened.cursor)
        monkeypatch.setattr(db, "key", lambda: db.StoreFile(str(tiny_store), 0, 0))
        yield opened


def _payload(con: duckdb.DuckDBPyConnection, lab: head_lab.Lab) -> dict[str, Any]:
    facts = images.image(con, IMAGE)
    picture = images.picture(con, IMAGE)
    assert facts is not None
    assert picture is not None
    bank = build.bank(con, lab.bank_id)
    return head_lab.payload(lab, facts, NOTHING, bank=bank, picture=picture)


def _numbers(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f8")


def test_what_is_sent_adds_up_to_the_logits_of_every_head(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bias, what other concepts add, a residual head's rest, and the concepts sent: nothing is
    left out."""
    monkeypatch.setattr(head_lab, "MOST", 2)
    residual = 0
    for head in build.heads(con):
        lab = head_lab.lab(head, IMAGE)
        sent = _payload(con, lab)
        base = _numbers(sent["head"]["bias"]) + _numbers(sent["head"]["folded"])
        if lab.loaded.head.residual:
            residual += 1
            assert np.abs(lab.rest).max() > 1e-3  # else its absence would not show
            base = base + _numbers(sent["head"]["rest"])
        scores = np.array([c["score"] for c in sent["concepts"]])
        weights = _numbers(sent["head"]["weights"]).reshape(len(base), -1)
        np.testing.assert_allclose(base + weights @ scores, lab.logits({}), rtol=1e-6, atol=1e-6)
    assert residual > 0


def test_an_answer_is_small_and_says_the_same(con: duckdb.DuckDBPyConnection) -> None:
    for head in build.heads(con):
        lab = head_lab.lab(head, IMAGE)
        whole = _payload(con, lab)
        y = int(lab.loaded.class_ids[0])
        answer = head_lab.reply(lab, NOTHING._replace(class_id=y))
        assert answer["key"] == whole["key"]
        assert answer["reply"] == whole["reply"]
        assert set(answer) == {"key", "diverse", "reply"}
        assert set(answer["diverse"]) == {"0"}
        assert answer["diverse"]["0"] == whole["diverse"]["0"]
        small, large = (len(json.dumps(each)) for each in (answer, whole))
        assert small < large / 5


def test_the_key_changes_with_what_the_browser_must_hold(con: duckdb.DuckDBPyConnection) -> None:
    one, two = (head_lab.lab(head, IMAGE) for head in build.heads(con)[:2])
    other = head_lab.lab(build.heads(con)[0], IMAGE + 1)
    assert len({head_lab.key(lab, []) for lab in (one, two, other)}) == 3
    assert head_lab.key(one, []) == head_lab.key(head_lab.lab(build.heads(con)[0], IMAGE), [])
