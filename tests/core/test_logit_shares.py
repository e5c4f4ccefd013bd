"""Shares of a logit keep their sign and add up, over a class and on one image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from in_node import SAY, needed, run, use

from app.views.classes import class_parts
from core import logit_shares
from data import store
from data.queries import build, classes
from data.queries.classes import Explanation


@pytest.fixture(scope="module")
def con(tiny_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with store.open_readonly(tiny_store) as opened:
        yield opened


def test_shares_add_up_and_keep_the_sign_of_what_they_share() -> None:
    parts = np.array([3.0, -1.0, 2.0])
    np.testing.assert_allclose(logit_shares.of_sum(parts), [0.75, -0.25, 0.5])
    # below the bias, what is against the class is what makes the logit
    np.testing.assert_allclose(logit_shares.of_sum(-parts), [0.75, -0.25, 0.5])
    found = logit_shares.of_sum(np.random.default_rng(0).normal(size=40))
    assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize("parts", [[2.0, -2.0], [0.1, 0.2, -0.3], [0.0, 0.0], []])
def test_nothing_has_no_shares(parts: list[float]) -> None:
    assert np.isnan(logit_shares.of_sum(np.array(parts))).all()


def test_what_nearly_cancels_is_told() -> None:
    assert logit_shares.cancelled(np.array([10.0, -9.0]))
    assert logit_shares.cancelled(np.array([-10.0, 9.0]))
    assert not logit_shares.cancelled(np.array([10.0, -8.0]))
    assert not logit_shares.cancelled(np.array([0.001, 0.002]))
    explained = Explanation(
        head_id=0,
        class_id=0,
        n=5,
        logit=3.0,
        fixed=2.0,
        n_concepts=2,
        layout="pca",
        variance=None,
        bias=2.0,
    )
    rows = pd.DataFrame({"value": [10.0, -9.0]})
    told = class_parts.warning(explained, rows)
    assert told is not None
    assert "+1 logits, 5.26 %" in told
    with_others = replace(explained, logit=13.0)  # they bring 10
    assert class_parts.warning(with_others, rows) is None


def test_parts_of_every_class_are_its_mean_logit(con: duckdb.DuckDBPyConnection) -> None:
    seen = {"rest": 0, "others": 0}
    for head in build.heads(con):
        for class_id in classes.classes(con, head.head_id)["class_id"]:
            explained = classes.explanation(con, head.head_id, int(class_id))
            if explained is None:
                continue
            rows = classes.importances(con, head.head_id, int(class_id))
            found = class_parts.parts(explained, rows.iloc[1::-1])  # two, the second first
            kinds = found["kind"].tolist()
            assert kinds[: len(rows.head(2))] == ["concept"] * len(rows.head(2))
            assert kinds[-1] == "bias"
            assert ("rest" in kinds) == head.residual
            assert found["value"].sum() == pytest.approx(explained.logit)
            assert found["of_logit"].iloc[:-1].sum() == pytest.approx(100)
            assert np.isnan(found["of_logit"].iloc[-1])
            assert found["of_size"].sum() == pytest.approx(100)
            for kind in seen:
                seen[kind] += kinds.count(kind)
    assert min(seen.values()) > 0


def test_a_concepts_share_is_its_part_of_the_images_logits(
    con: duckdb.DuckDBPyConnection,
) -> None:
    """From scores, weights and the head's own logits, past all that the build wrote of them."""
    rows = con.execute(
        """
        SELECT guess.class_id, score.concept_id, sum(weight * score) AS part
        FROM head_prediction guess JOIN head USING (head_id)
        JOIN head_weight USING (head_id, class_id)
        JOIN score ON score.bank_id = head.bank_id AND score.image_id = guess.image_id
            AND score.concept_id = head_weight.concept_id
        WHERE head_id = 0 GROUP BY ALL
        """
    ).df()
    checked = 0
    for class_id, mine in rows.groupby("class_id"):
        explained = classes.explanation(con, 0, int(class_id))
        assert explained is not None
        found = class_parts.parts(explained, classes.importances(con, 0, int(class_id)).head(3))
        twin = 100 * mine.set_index("concept_id")["part"] / mine["part"].sum()  # no residual head
        for concept_id, share in found.loc[
            found["kind"] == "concept", ["concept_id", "of_logit"]
        ].itertuples(index=False):
            assert share == pytest.approx(twin[concept_id], rel=1e-4)
            checked += 1
    assert checked > 5


@needed
@pytest.mark.parametrize("parts", [[3.0, -1.0, 2.0], [0.1, 0.2, -0.3], [10.0, -9.5, 0.1], [0.0]])
def test_the_browser_shares_as_python_does(parts: list[float]) -> None:
    shares, cancels = run(
        use("head", "sharesOfSum", "cancelled")
        + "const out = [sharesOfSum(given.parts), cancelled(given.parts)];"
        + SAY,
        parts=parts,
    )
    expected = logit_shares.of_sum(np.array(parts))
    if np.isnan(expected).all():
        assert set(shares) == {None}  # NaN is no JSON
    else:
        np.testing.assert_allclose(shares, expected)
    assert cancels == logit_shares.cancelled(np.array(parts))


@needed
def test_a_waterfalls_shares_leave_out_the_bias_alone() -> None:
    head = {
        "bias": [0.0, 5.0],
        "folded": [0.0, 1.0],
        "rest": [0.0, -0.5],
        "base": [0.0, 5.5],
        "weights": [0, 0, 0, 2, -1, 1],
        "nFolded": 4,
    }
    out = run(
        use("head", "waterfall") + "const out = waterfall(given.head, given.scores, 1, 2);" + SAY,
        head=head,
        scores=[3.0, 2.0, 0.5],
    )
    shares = {s["kind"]: s.get("share") for s in out["steps"] if s["kind"] != "concept"}
    of_concepts = [s["share"] for s in out["steps"] if s["kind"] == "concept"]
    np.testing.assert_allclose(of_concepts, [6 / 5, -2 / 5])
    assert shares["bias"] is None
    assert shares["other"] == pytest.approx(1.5 / 5)
    assert shares["rest"] == pytest.approx(-0.5 / 5)
    assert not out["cancels"]


@needed
@pytest.mark.parametrize("residual", [True, False])
def test_the_list_of_an_image_says_what_the_logit_is_the_sum_of(residual: bool) -> None:
    rng = np.random.default_rng(4)
    weights, scores, bias = rng.normal(size=(2, 9)), rng.normal(size=9), 0.7
    rest = 0.4 if residual else 0.0
    logit = float(weights[1] @ scores + bias + rest)
    out = run(
        use("image_side", "ranked", "logitParts")
        + """
        const rows = ranked(given.data, "contribution", 1).slice(0, 3);
        const out = { rows, ...logitParts(given.data, rows, 1) };
        """
        + SAY,
        data={
            "scores": scores.tolist(),
            "weights": weights.ravel().tolist(),
            "classes": [{"logit": 0, "bias": 0}, {"logit": logit, "bias": bias}],
            "residual": residual,
        },
    )
    parts = weights[1] * scores
    at = [row["index"] for row in out["rows"]]
    np.testing.assert_allclose(out["shares"][:3], parts[at] / (logit - bias))
    rows = [out["shown"], out["others"], *([out["rest"]] if residual else [])]
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    assert bias + sum(row["value"] for row in rows) == pytest.approx(logit)
    assert out["others"]["n"] == 6
    assert (out["rest"] is None) != residual
    if residual:
        assert out["rest"]["value"] == pytest.approx(rest)
