"""Edits on many images agree with running the head image by image, and with what the store says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from app import db
from app.views.intervene import batch, head_lab
from data import store
from data.queries import build


@pytest.fixture
def con(tiny_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    opened = store.open_readonly(tiny_store)
    monkeypatch.setattr(db, "cursor", opened.cursor)
    monkeypatch.setattr(db, "key", lambda: db.StoreFile(str(tiny_store), 0, 0))
    yield opened
    opened.close()


def test_unedited_accuracy_is_the_stored_one(con: duckdb.DuckDBPyConnection) -> None:
    accuracy = build.accuracies(con)
    compared = 0
    for head in build.heads(con):
        rows, _ = batch.base(head.head_id, head.bank_id)
        for split in rows["split"].unique():
            told = accuracy[
                (accuracy["model"] == head.name)
                & (accuracy["split"] == split)
                & (accuracy["target"] == "label")
            ]
            kept = (rows["split"] == split).to_numpy()
            found, before, after = batch.whether_right(head, {}, kept)
            np.testing.assert_array_equal(before, after)
            if len(told) and int(told["n"].iloc[0]) == len(found):
                assert before.mean() == pytest.approx(float(told["accuracy"].iloc[0]))
                compared += 1
    assert compared > 0


def test_a_batch_is_every_image_by_itself(con: duckdb.DuckDBPyConnection) -> None:
    changed = 0
    for head in build.heads(con):
        loaded, facts = head_lab.load(head.head_id)
        rows, _ = batch.base(head.head_id, head.bank_id)
        edits = {0: float(facts["score_max"].iloc[0]) * 3 + 1, len(facts) - 1: -2.0}
        found, before, after = batch.whether_right(head, edits, np.ones(len(rows), bool))
        for i, row in enumerate(found.to_dict("records")):
            lab = head_lab.lab(head, int(row["image_id"]))
            for given, right in (({}, before[i]), (edits, after[i])):
                best = loaded.class_ids[lab.probabilities(given).argmax()]
                assert (best == row["class_id"]) == right
        changed += int((before != after).sum())
    assert changed > 0


def test_what_is_sent_and_what_is_folded_make_the_whole_logit(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(head_lab, "MOST", 3)
    folded = 0
    for head in build.heads(con):
        rows, _ = batch.base(head.head_id, head.bank_id)
        lab = head_lab.lab(head, int(rows["image_id"].iloc[0]))
        last = len(lab.loaded.concept_ids) - 1
        kept = head_lab.sent(lab, {last: 1.0}, extra=[])
        assert last in kept
        assert (np.diff(kept) > 0).all()
        groups = lab.facts["grouping"]
        mates = groups.isin(groups.iloc[kept].dropna())
        assert set(np.flatnonzero(mates)) <= set(kept)
        folded += len(groups) - len(kept)
    assert folded > 0
