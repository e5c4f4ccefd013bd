"""Pages of a store whose images carry several labels: they open, and say what the store says."""

from __future__ import annotations

import base64
import itertools
import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import opening
import pytest
import streamlit as st
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app.pages import PAGES
from app.views.intervene import head_lab, several, several_batch, smallest
from app.views.leaderboard import standings
from core import bottleneck
from data.queries import build, carried, images, leaderboard
from data.store import open_readonly

Open = Callable[..., AppTest]


@pytest.fixture
def open_page(monkeypatch: pytest.MonkeyPatch, labels_store: Path) -> Iterator[Open]:
    def open_(view: str, **params: str) -> AppTest:
        monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(labels_store)])
        at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
        opening.choose(at, view)
        at.query_params.update(params)
        return at.run()

    yield open_
    st.cache_resource.clear()  # closes the stores


@pytest.fixture
def con(labels_store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[duckdb.DuckDBPyConnection]:
    """The door to the store is this connection."""
    from app import db

    with open_readonly(labels_store) as opened:
        monkeypatch.setattr(db, "cursor", lambda: opened)
        for cached in (head_lab.load, head_lab.thresholds, several.base):
            monkeypatch.setattr(
                sys.modules[cached.__module__], cached.__name__, cached.__wrapped__, raising=True
            )
        yield opened


def _text(at: AppTest) -> str:
    kinds = (at.markdown, at.caption, at.warning, at.title, at.info, at.subheader)
    return "\n".join(e.value for kind in kinds for e in kind)


@pytest.mark.parametrize(
    ("view", "params"),
    [
        *((view, {}) for view in PAGES),
        ("classes", {"h": "nmf · sparse", "y": "4"}),
        ("differences", {"a": "test~~", "z": "train~~"}),
        ("differences", {"a": "~0~", "z": "~4~"}),
        *(
            ("intervene", {"h": head, "i": "3", "e": "0:0.5,1:0", "t": tab})
            for head, tab in (
                ("nmf · sparse", "batch"),
                ("nmf · hybrid", "curves"),
                ("nmf · backbone", "global"),
                ("cbm · own", "latents"),
                ("cbm · own", "spatial"),
            )
        ),
    ],
)
def test_every_page_opens(view: str, params: dict[str, str], open_page: Open) -> None:
    at = open_page(view, **params)
    assert not at.exception, at.exception[0].value
    assert at.title


def test_overview_judges_labels_and_no_single_class(open_page: Open, labels_store: Path) -> None:
    at = open_page("overview")
    with open_readonly(labels_store) as opened:
        rows = carried.metrics(opened)
    mine = rows[(rows["model"] == "nmf · sparse") & (rows["split"] == "test")]
    tables = [t.value for t in at.dataframe]
    labels = next(t for t in tables if "Label" in t.columns and "Sensitivity" in t.columns)
    assert labels["Label"].tolist() == mine["name"].tolist()
    for shown, value in zip(labels["AUROC"], mine["auc"], strict=True):
        assert float(shown.split(" ")[0]) == pytest.approx(value, rel=5e-3)
    assert "no one class is right or wrong" in _text(at)
    assert "Accuracy" not in [s.value for s in at.subheader]


def _doubles(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), dtype="<f8")


@pytest.mark.parametrize("name", ["nmf · sparse", "nmf · hybrid", "nmf · backbone", "cbm · own"])
def test_the_lab_shows_the_sigmoids_of_the_store(name: str, con: duckdb.DuckDBPyConnection) -> None:
    (head,) = [h for h in build.heads(con) if h.name == name]
    own = [
        (int(i), logit)
        for i, logit in con.execute(
            "SELECT image_id, logit FROM head_logit WHERE head_id = $h ORDER BY image_id LIMIT 5",
            {"h": head.head_id},
        ).fetchall()
    ]
    assert own
    for image_id, logit in own:
        lab = head_lab.lab(head, image_id)
        wanted = [1 / (1 + math.exp(-z)) for z in logit]
        np.testing.assert_allclose(lab.probabilities({}), wanted, rtol=1e-4, atol=1e-5)
        assert lab.several


def test_an_edit_moves_each_label_by_its_own_weight(con: duckdb.DuckDBPyConnection) -> None:
    head = build.heads(con)[0]
    lab = head_lab.lab(head, 3)
    value = float(lab.scores[0, 0]) + 1.5
    for y in range(len(lab.loaded.class_ids)):
        z = lab.logits({})[y] + 1.5 * lab.loaded.head.weight[y, 0]
        assert lab.probabilities({0: value})[y] == pytest.approx(1 / (1 + math.exp(-z)))


def test_the_smallest_change_of_a_label_ends_at_its_threshold(
    con: duckdb.DuckDBPyConnection,
) -> None:
    lab = head_lab.lab(build.heads(con)[0], 3)
    for y, class_id in enumerate(lab.loaded.class_ids):
        threshold = head_lab.thresholds(lab.head_id)[int(class_id)][0]
        alone = smallest.of_label(lab, y)
        before = lab.probabilities({})[y]
        assert (alone.probabilities({}).argmax() == 1) == (before >= threshold)
        for flip in smallest.single(alone, {}, target=None, within=False):
            after = lab.probabilities({flip.column: flip.value})[y]
            assert (after >= threshold) != (before >= threshold)
            assert after == pytest.approx(threshold, abs=0.05)


def test_batch_counts_what_each_label_does(con: duckdb.DuckDBPyConnection) -> None:
    head = build.heads(con)[0]
    given = several.base(head.head_id)
    kept = (given.rows["split"] == "test").to_numpy()
    ids = given.rows.loc[kept, "image_id"].to_numpy()
    change = several_batch.moved(head, {0: 0.0}, ids)

    found = several_batch.table(
        head.head_id, given.logits[kept], given.logits[kept] + change, given.y[kept]
    )

    stored = carried.metrics(con, head.head_id)
    stored = stored[stored["split"] == "test"].set_index("name")
    for row in found.to_dict("records"):
        facts = stored.loc[row["Label"]]
        assert row["n known"] == facts["n"]
        assert row["n with it"] == facts["n_positive"]
        assert float(row["AUROC"]) == pytest.approx(facts["auc"], rel=5e-3)
    lab = head_lab.lab(head, int(ids[0]))
    np.testing.assert_allclose(
        lab.probabilities({0: 0.0}),
        bottleneck.sigmoid(given.logits[kept][0] + change[0]),
        atol=1e-6,
    )


def test_images_are_found_by_any_of_their_labels(con: duckdb.DuckDBPyConnection) -> None:
    for class_id, n in con.execute(
        "SELECT class_id, count(*) FROM image_class WHERE present GROUP BY class_id"
    ).fetchall():
        assert len(images.image_ids(con, class_id=class_id)) == n
    label = con.execute(
        "SELECT string_agg(name, ' + ' ORDER BY class_id) FROM image_class JOIN class "
        "USING (class_id) WHERE image_id = 0 AND present"
    ).fetchall()[0][0]
    facts = images.image(con, 0)
    assert facts is not None
    assert facts.label == (label or carried.NONE)


def test_wrong_images_have_a_known_label_that_the_head_says_otherwise(
    con: duckdb.DuckDBPyConnection,
) -> None:
    head = build.heads(con)[0]
    wrong = set(images.image_ids(con, head_id=head.head_id, wrong=True).tolist())
    expected: set[Any] = set()
    given = several.base(head.head_id)
    loaded, _ = head_lab.load(head.head_id)
    limits = [head_lab.thresholds(head.head_id)[int(c)][0] for c in loaded.class_ids]
    for image_id, z, y in zip(given.rows["image_id"], given.logits, given.y, strict=True):
        said = bottleneck.sigmoid(z) >= np.array(limits)
        if any(not np.isnan(own) and bool(own) != one for own, one in zip(y, said, strict=True)):
            expected.add(int(image_id))
    assert wrong == expected
    assert wrong


def test_the_leaderboard_has_the_means_of_labels_with_interval_n_and_chance(
    con: duckdb.DuckDBPyConnection, open_page: Open
) -> None:
    figures, plain = leaderboard.figures(con), leaderboard.baselines(con)
    rows, counts = standings.standings(build.banks(con), figures, plain)
    within = standings.intervals(figures, plain)
    titles = {"nmf": "nmf · sparse", "cbm": "cbm · own", "Backbone": "backbone"}
    metrics = carried.metrics(con)
    for split, (name, column) in itertools.product(
        ("test", "val"), (("auc on", "auc"), ("ap on", "ap"))
    ):
        for title, model in titles.items():
            mine = metrics[(metrics["model"] == model) & (metrics["split"] == split)]
            mine = mine[mine[["n_positive"]].min(1).ge(3) & (mine["n"] - mine["n_positive"]).ge(3)]
            at = rows.index[rows["row"] == title][0]
            value, low, high = rows.at[at, f"{name} {split}"], *within[title, f"{name} {split}"]
            assert value == pytest.approx(mine[column].mean())
            assert 0 <= low < value < high <= 1
            assert counts.at[at, f"{name} {split}"] == len(mine)
        at = rows.index[rows["row"] == "nmf, random"][0]
        assert 0 < rows.at[at, f"{name} {split}"] < 1
        chance = rows.loc[rows["row"] == "nmf, chance", f"{name} {split}"].iloc[0]
        mine = metrics[(metrics["model"] == "nmf · sparse") & (metrics["split"] == split)]
        shares = (mine["n_positive"] / mine["n"])[mine["n_positive"].between(3, mine["n"] - 3)]
        assert chance == pytest.approx(0.5 if column == "auc" else shares.mean())
    at = open_page("leaderboard")
    assert not at.exception
    shown = next(t.value for t in at.dataframe if "auc on test" in t.value.columns)
    assert {"row", "auc on test", "ap on test"} <= set(shown.columns)
