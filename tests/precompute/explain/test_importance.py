"""What a store says heads rest on agrees with its own scores, weights and predictions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import fake_builds
import numpy as np
import pandas as pd
import pytest
import torch
from scipy.sparse import csc_array
from sklearn.decomposition import PCA

from core.importance import METHODS, LinearLogit, Method
from core.types import Head
from data.queries import classes, comparing, heads
from data.store import SCHEMA, open_readonly
from precompute.explain import fidelity, importance
from precompute.explain.importance import plane
from precompute.heads import Fitted

FROM_SCORES = """
    SELECT guess.head_id, guess.class_id, guess.image_id, score.concept_id, weight * score AS part
    FROM head_prediction guess JOIN head USING (head_id)
    JOIN head_weight USING (head_id, class_id)
    JOIN score ON score.bank_id = head.bank_id AND score.image_id = guess.image_id
        AND score.concept_id = head_weight.concept_id
"""


@pytest.fixture
def con(tiny_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_readonly(tiny_store) as con:
        yield con


def test_shares_and_means_come_from_scores_and_weights(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute(
        f"""
        WITH part AS ({FROM_SCORES}),
        whole AS (SELECT head_id, class_id, sum(abs(part)) AS total FROM part GROUP BY ALL),
        taken AS (SELECT head_id, class_id, count(*) AS n FROM head_prediction GROUP BY ALL),
        mine AS (SELECT head_id, class_id, concept_id, sum(part) AS s, sum(abs(part)) AS size
                 FROM part GROUP BY ALL)
        SELECT importance.value, s / taken.n, share, size / total, importance.n, taken.n
        FROM importance JOIN mine USING (head_id, class_id, concept_id)
        JOIN whole USING (head_id, class_id) JOIN taken USING (head_id, class_id)
        WHERE method = 'linear'
        """
    ).fetchall()
    assert len(rows) > 20
    for value, mean, share, expected, n, taken in rows:
        assert value == pytest.approx(mean, rel=1e-4, abs=1e-6)
        assert share == pytest.approx(expected, rel=1e-4, abs=1e-6)
        assert n == taken


def test_the_mean_logit_is_its_parts(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute(
        """
        SELECT logit, fixed, sum(value), sum(share) FROM explanation
        JOIN importance USING (head_id, class_id) WHERE method = 'linear'
        GROUP BY head_id, class_id, logit, fixed
        """
    ).fetchall()
    assert rows
    for logit, fixed, parts, shares in rows:
        assert logit == pytest.approx(fixed + parts)
        assert shares == pytest.approx(1)


def test_every_predicted_image_is_placed_with_what_adds_most(
    con: duckdb.DuckDBPyConnection,
) -> None:
    wrong = con.execute(
        f"""
        WITH part AS ({FROM_SCORES}),
        best AS (SELECT head_id, image_id, arg_max(concept_id, part) AS concept_id,
                     max(part) AS part FROM part GROUP BY ALL)
        SELECT count(*) FILTER (cluster.concept_id <> best.concept_id
                                AND abs(value - part) > 1e-5), count(*)
        FROM cluster JOIN best USING (head_id, image_id) WHERE part > 0
        """
    ).fetchone()
    assert wrong is not None
    assert wrong[0] == 0
    assert wrong[1] > 30
    placed, taken = (
        con.execute(f"SELECT count(*) FROM {t}").fetchall()[0][0]
        for t in ("cluster", "head_prediction")
    )
    assert placed == taken


def test_dominance_counts_images_and_their_accuracy(con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute(
        """
        SELECT dominance.*, found.n AS twin, found.right_share FROM dominance JOIN (
            SELECT guess.head_id, split, concept_id, count(*) AS n,
                avg((image.class_id = guess.class_id)::INT) AS right_share
            FROM cluster JOIN image USING (image_id)
            JOIN head_prediction guess USING (head_id, image_id) GROUP BY ALL
        ) found USING (head_id, split, concept_id)
        """
    ).df()
    assert len(rows) > 5
    np.testing.assert_array_equal(rows["n"], rows["twin"])
    np.testing.assert_allclose(rows["reliability"], rows["right_share"])
    assert (rows["n_labelled"] <= rows["n"]).all()


def test_explanations_are_judged_beside_orders_and_directions_at_random(
    con: duckdb.DuckDBPyConnection,
) -> None:
    for head_id, kind in con.execute("SELECT head_id, kind FROM head ORDER BY head_id").fetchall():
        rows = classes.fidelity(con, head_id).set_index(["method", "metric"])
        assert set(rows.index.get_level_values("method")) == {"linear", "sobol"}
        exact = rows.loc["linear"]
        assert exact.loc["C-muFidelity", "value"] == pytest.approx(1)
        assert exact.loc["C-insertion", "value"] >= exact.loc["C-insertion", "random"]
        assert exact.loc["C-deletion", "value"] <= exact.loc["C-deletion", "random"]
        assert rows.loc[("sobol", "C-insertion"), "value"] <= (
            exact.loc["C-insertion", "value"] + 1e-9
        )
        if kind == "backbone":  # folded, not fitted
            assert rows["control"].isna().all()
        else:  # a linear head too
            assert exact.loc["C-muFidelity", "control"] == pytest.approx(1)
            assert exact["control"].notna().all()


def test_methods_that_give_the_same_are_stored_once(con: duckdb.DuckDBPyConnection) -> None:
    n_heads = len(con.execute("SELECT head_id FROM head").fetchall())
    for head_id in range(n_heads):
        same = classes.same(con, head_id)
        assert set(same["method"]) == {"gradient_input", "integrated_gradients", "occlusion"}
        assert set(same["same_as"]) == {"linear"}
        assert (same["difference"] <= 1e-9).all()
        assert (same["n"] > 10).all()
    stored = {m for (m,) in con.execute("SELECT DISTINCT method FROM importance").fetchall()}
    assert stored == {"linear", "sobol"}


def test_sobol_indices_are_those_of_every_image_of_the_class(
    con: duckdb.DuckDBPyConnection,
) -> None:
    rows = con.execute(
        f"""
        WITH part AS ({FROM_SCORES}),
        squared AS (
            SELECT *, part * part / sum(part * part) OVER (PARTITION BY head_id, image_id) AS index
            FROM part
        ),
        taken AS (SELECT head_id, class_id, count(*) AS n FROM head_prediction GROUP BY ALL),
        mine AS (SELECT head_id, class_id, concept_id, sum(index) AS s FROM squared GROUP BY ALL)
        SELECT importance.value, s / taken.n, importance.n, taken.n
        FROM importance JOIN mine USING (head_id, class_id, concept_id)
        JOIN taken USING (head_id, class_id) WHERE method = 'sobol'
        """
    ).fetchall()
    assert len(rows) > 20
    for value, mean, n, taken in rows:
        assert value == pytest.approx(mean, rel=1e-4, abs=1e-6)
        assert n == taken


def test_the_control_is_the_value_of_a_head_on_random_directions() -> None:
    rng = np.random.default_rng(7)
    scores, drawn = rng.random((2, 30, 6))
    known = fake_builds.build(
        classes=fake_builds.classes(np.zeros(30, dtype=np.int64), "wren", "heron", "finch"),
        train=np.arange(12),
        held_out=np.arange(12, 30),
        seed=3,
    )
    own, other = (
        Fitted(Head(rng.normal(size=(3, 6)), rng.normal(size=3)), np.arange(3), "") for _ in "ab"
    )
    with duckdb.connect() as con:
        con.execute(SCHEMA.read_text(encoding="utf-8"))
        judged = [
            fidelity.JudgedHead(0, "own", own, other, ("linear", "sobol")),
            fidelity.JudgedHead(1, "bare", own, None, ("linear", "sobol")),
        ]
        fidelity.put_fidelity(con, known, judged, scores, csc_array(drawn))
        alone = [fidelity.JudgedHead(2, "other", other, None, ("linear", "sobol"))]
        fidelity.put_fidelity(con, known, alone, drawn, csc_array(scores))
        first, bare, twin = (classes.fidelity(con, i) for i in range(3))
    assert (first["n"] == 18).all()
    assert bare["control"].isna().all()
    np.testing.assert_allclose(first["control"], twin["value"])
    assert not np.allclose(first["control"], first["value"], rtol=0.05)


def test_plane_is_that_of_principal_components() -> None:
    rng = np.random.default_rng(2)
    parts = rng.normal(size=(11, 6)) * [3, 1, 0.5, 0.2, 2, 0]
    found, kept = plane(parts)
    twin = PCA(2).fit(parts)
    np.testing.assert_allclose(np.abs(found), np.abs(twin.transform(parts)), atol=1e-9)
    assert kept == pytest.approx(twin.explained_variance_ratio_.sum())
    again, _ = plane(parts[:, ::-1])
    np.testing.assert_allclose(np.abs(again), np.abs(found), atol=1e-9)
    for flat in (parts[:1], np.ones((4, 3)), np.zeros((3, 0))):
        place, share = plane(flat)
        assert place.shape == (len(flat), 2)
        assert not place.any()
        assert share is None


def test_confusions_and_members_count_images(con: duckdb.DuckDBPyConnection) -> None:
    rows = classes.confusions(con, 0, 1)
    carried = con.execute("SELECT count(*) FROM image WHERE class_id = 1").fetchall()[0][0]
    assert rows.loc[rows["label_id"] == 1, "n"].sum() == carried
    mistakes = classes.confused(con, 0, 1, most=500)
    assert len(mistakes) == rows.loc[rows["label_id"] != rows["predicted_id"], "n"].sum()
    every = comparing.members(con, split=None, class_id=None, right=None)
    right, wrong = (
        comparing.members(con, split=None, class_id=None, right=r)["image_id"]
        for r in (True, False)
    )
    labelled = every[every["class_id"] >= 0]["image_id"]
    assert sorted([*right, *wrong]) == labelled.tolist()
    assert len(every) > len(labelled)


def test_examples_fall_and_spread_from_strongest_to_weakest(
    con: duckdb.DuckDBPyConnection,
) -> None:
    ids = comparing.members(con, split="train", class_id=None, right=None)["image_id"].to_numpy()
    everything = heads.image_scores(con, 0, np.array([1]), image_ids=ids)[:, 0]
    ranked = np.sort(everything)[::-1]
    top = comparing.shown(con, 0, 1, image_ids=ids, most=4, spread=False)
    np.testing.assert_allclose(top["score"], ranked[:4][ranked[:4] > 0])
    spread = comparing.shown(con, 0, 1, image_ids=ids, most=4, spread=True)
    places = np.round(np.linspace(0, len(ids) - 1, 4)).astype(int)
    np.testing.assert_allclose(spread["score"], ranked[places])
    few = comparing.shown(con, 0, 1, image_ids=ids[:3], most=4, spread=True)
    assert len(few) == 3


def test_a_method_that_says_something_else_is_stored_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def half(function: LinearLogit, scores: torch.Tensor, **_: int) -> torch.Tensor:
        return function.weight * scores / 2

    foo = Method(half, "Foo", signed=True, unit="logits", about="Half.")
    monkeypatch.setitem(METHODS, "foo", foo)
    rng = np.random.default_rng(0)
    scores = rng.random((40, 5)).astype(np.float32)
    head = Head(rng.normal(size=(3, 5)).astype(np.float32), np.zeros(3, np.float32))
    fitted = Fitted(head, np.arange(3), "a head")
    images = pd.DataFrame({"image_id": np.arange(40), "split": ["train", "test"] * 20})
    con = duckdb.connect()
    con.execute(SCHEMA.read_text(encoding="utf-8"))
    known = fake_builds.build(
        classes=fake_builds.classes(np.zeros(40, dtype=np.int64), "wren", "heron", "finch"),
        train=np.arange(0, 40, 2),
        held_out=np.arange(1, 40, 2),
        rows=images,
    )
    stored = importance.put_importance(con, known, 0, "h", fitted, scores)
    assert stored == ["linear", "sobol", "foo"]
    listed = con.execute("SELECT DISTINCT method FROM importance").fetchall()
    assert {m for (m,) in listed} == {"linear", "sobol", "foo"}
    same = {m for (m,) in con.execute("SELECT method FROM same_importance").fetchall()}
    assert same == {"gradient_input", "integrated_gradients", "occlusion"}
