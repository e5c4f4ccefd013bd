"""A multi-label build: labels, sigmoids, and how well each label is told, all from its store."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import duckdb
import fake_labels
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from data.store import open_readonly
from precompute.doctor import examine


@pytest.fixture(scope="module")
def con(labels_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_readonly(labels_store) as opened:
        yield opened


@pytest.fixture(scope="module")
def table(labels_store: Path) -> Path:
    (found,) = labels_store.parents[1].rglob("birds.csv")
    return found


def known(con: duckdb.DuckDBPyConnection, table: Path) -> pd.DataFrame:
    """The table's marks by image_id."""
    files = pd.read_csv(table)["Path"].tolist()
    ids = dict(con.execute("SELECT file, image_id FROM image").fetchall())
    frame = pd.DataFrame(fake_labels.truth(table), columns=list(fake_labels.LABELS))
    frame.index = [ids[file] for file in files]
    return frame.sort_index()


def test_every_mark_is_stored_and_a_missing_one_is_not(
    con: duckdb.DuckDBPyConnection, table: Path
) -> None:
    truth = known(con, table)
    rows = con.execute(
        "SELECT image_id, name, present FROM image_class JOIN class USING (class_id)"
    ).fetchall()

    uncertain = [(i, name) for i, name, present in rows if present is None]
    assert len(uncertain) == len(fake_labels.UNCERTAIN)
    for image_id, name, present in rows:
        if present is not None:
            assert truth.loc[image_id, name] == present
    assert len(rows) == truth.size - len(fake_labels.BLANK)
    assert con.execute("SELECT count(class_id) FROM image").fetchall() == [(0,)]
    assert con.execute("SELECT multi_label FROM build").fetchall() == [(True,)]
    classes = con.execute("SELECT name, labelled FROM class ORDER BY class_id").fetchall()
    assert classes == [(name, True) for name in fake_labels.LABELS]


def test_heads_and_model_have_sigmoids(con: duckdb.DuckDBPyConnection) -> None:
    assert con.execute("SELECT DISTINCT link FROM head").fetchall() == [("sigmoid",)]
    assert con.execute("SELECT link FROM backbone").fetchall() == [("sigmoid",)]
    for prob, logit in con.execute("SELECT prob, logit FROM prediction").fetchall():
        assert prob == pytest.approx(1 / (1 + math.exp(-max(logit))), rel=1e-5)
    said = con.execute(
        """
        SELECT logit, prob, list_position(
            (SELECT list(class_id ORDER BY class_id) FROM head_bias
             WHERE head_bias.head_id = label_prediction.head_id), class_id) AS place
        FROM label_prediction JOIN head_logit USING (head_id, image_id)
        """
    ).fetchall()
    assert len(said) > 100
    for logit, prob, place in said:
        assert prob == pytest.approx(1 / (1 + math.exp(-logit[place - 1])), rel=1e-4)


def test_each_label_is_judged_as_by_its_slow_twin(
    con: duckdb.DuckDBPyConnection, table: Path
) -> None:
    """Of every head from its weights and scores, not from what the build computed of them."""
    truth = known(con, table)
    splits = con.execute("SELECT image_id, split FROM image").df().set_index("image_id")["split"]
    rows = con.execute(
        "SELECT m.*, class.name, head.bank_id FROM label_metric m JOIN class USING (class_id) "
        "JOIN head USING (head_id) WHERE head.kind = 'sparse'"
    ).df()
    assert set(rows["split"]) == {"train", "val", "test"}
    for row in rows.to_dict("records"):
        y = truth[row["name"]][splits.reindex(truth.index) == row["split"]].dropna()
        given = {"h": row["head_id"], "c": row["class_id"], "b": row["bank_id"]}
        bias = con.execute(
            "SELECT bias FROM head_bias WHERE head_id = $h AND class_id = $c",
            {"h": row["head_id"], "c": row["class_id"]},
        ).fetchall()[0][0]
        z = con.execute(
            "SELECT image_id, sum(weight * score) AS z FROM score JOIN head_weight "
            "USING (concept_id) WHERE bank_id = $b AND head_id = $h AND class_id = $c "
            "GROUP BY image_id",
            given,
        ).df()
        p = z.set_index("image_id")["z"].reindex(y.index).fillna(0) + bias
        p = 1 / (1 + np.exp(-p))
        assert (row["n"], row["n_positive"]) == (len(y), y.sum())
        assert row["auc"] == pytest.approx(roc_auc_score(y, p))
        assert row["ap"] == pytest.approx(average_precision_score(y, p))
        assert row["auc_lo"] <= row["auc"] <= row["auc_hi"]
        said = p >= row["threshold"]
        assert row["recall"] == pytest.approx(said[y == 1].mean())
        assert row["specificity"] == pytest.approx(1 - said[y == 0].mean())


def test_thresholds_are_chosen_on_val_and_nothing_is_judged_by_a_single_class(
    con: duckdb.DuckDBPyConnection, table: Path
) -> None:
    truth = known(con, table)
    val = con.execute("SELECT image_id FROM image WHERE split = 'val'").df()["image_id"]
    counts = dict(zip(truth.columns, (~truth.loc[val].isna()).sum(), strict=True))
    rows = con.execute(
        "SELECT DISTINCT name, threshold_n FROM label_metric JOIN class USING (class_id)"
    ).fetchall()
    assert dict(rows) == counts
    assert con.execute("SELECT count(*) FROM accuracy").fetchall() == [(0,)]
    assert not con.execute("FROM metric WHERE name LIKE '%accuracy' AND scope = 'head'").fetchall()
    told = dict(con.execute("SELECT subject, message FROM notice").fetchall())
    assert "no one class is right or wrong" in told["labels"]
    assert "tells one class an image from the others" in told["cbm · matrix_search"]


def test_macro_means_are_over_labels(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute(
        """
        SELECT name, value, chance, metric.n, mean_auc, mean_ap, share, n_labels FROM metric
        JOIN (SELECT head_id, split, avg(auc) AS mean_auc, avg(ap) AS mean_ap,
                  avg(n_positive / n) AS share, count(auc) AS n_labels
              FROM label_metric WHERE auc IS NOT NULL GROUP BY ALL) USING (head_id, split)
        WHERE name IN ('macro_auc', 'macro_ap')
        """
    ).df()
    assert len(found) == 2 * 3 * 4
    for row in found.to_dict("records"):
        area = row["name"] == "macro_auc"
        assert row["value"] == pytest.approx(row["mean_auc"] if area else row["mean_ap"])
        assert row["chance"] == pytest.approx(0.5 if area else row["share"])
        assert row["n"] == row["n_labels"]


def test_a_concept_goes_with_each_label_apart(con: duckdb.DuckDBPyConnection, table: Path) -> None:
    truth = known(con, table)
    rows = con.execute(
        "SELECT concept_class.*, name FROM concept_class JOIN class USING (class_id) "
        "WHERE bank_id = 0"
    ).df()
    assert len(rows) == 5 * len(fake_labels.LABELS)
    scores = con.execute("SELECT concept_id, image_id, score FROM score WHERE bank_id = 0").df()
    for row in rows.to_dict("records"):
        y = truth[row["name"]].dropna()
        mine = scores[scores["concept_id"] == row["concept_id"]].set_index("image_id")["score"]
        x = mine.reindex(y.index).fillna(0)
        assert row["n"] == y.sum()
        assert row["mean"] == pytest.approx(x[y == 1].mean(), rel=1e-4)
        assert row["difference"] == pytest.approx(x[y == 1].mean() - x[y == 0].mean(), abs=1e-5)
        assert row["auc"] == pytest.approx(roc_auc_score(y, x), abs=1e-4)
    nothing = con.execute("SELECT count(class_entropy), count(class_share) FROM concept")
    assert nothing.fetchall() == [(0, 0)]


def test_the_store_is_sound(labels_store: Path) -> None:
    assert [f.message for f in examine(labels_store) if f.level == "error"] == []
