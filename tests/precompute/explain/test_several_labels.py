"""What is said of decisions and logits where an image can carry several labels, from the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import duckdb
import fakes
import numpy as np
import pandas as pd
import pytest
from safetensors.torch import load

from core.backbones import huggingface
from core.bottleneck import taken
from data.images import open_image
from data.store import open_readonly
from precompute.explain import fidelity, metric_faithfulness


@pytest.fixture(scope="module")
def con(labels_store: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_readonly(labels_store) as opened:
        yield opened


def backbone(store: Path) -> huggingface.HuggingFaceBackbone:
    (found,) = store.parents[1].glob("model")
    return huggingface.load(str(found), size=fakes.SIZE)


def test_a_flip_is_that_any_label_crosses_its_threshold(
    con: duckdb.DuckDBPyConnection, labels_store: Path
) -> None:
    model = backbone(labels_store)
    readout = model.linear_readout()
    assert readout is not None
    outputs = con.execute(
        "SELECT class_id FROM class WHERE output IS NOT NULL ORDER BY output"
    ).fetchall()
    chosen = dict(
        con.execute(
            "SELECT class_id, threshold FROM label_metric WHERE model = 'backbone'"
        ).fetchall()
    )
    limits = np.array([chosen[c] for (c,) in outputs])
    before = np.stack(
        [
            np.array(z)
            for (z,) in con.execute("SELECT logit FROM prediction ORDER BY image_id").fetchall()
        ]
    )
    tensors = load(con.execute("SELECT tensors FROM bank WHERE name = 'nmf'").fetchall()[0][0])
    direction = tensors["directions"].double().numpy()
    rows = con.execute(
        "SELECT concept_id, change, flipped FROM effect WHERE mode = 'ablate' AND images = 'active'"
    ).fetchall()
    assert rows
    for concept_id, change, flipped in rows:
        scores = con.execute(
            "SELECT image_id, score FROM score WHERE bank_id = 0 AND concept_id = ? AND score > 0",
            [concept_id],
        ).fetchall()
        moved, crossed = [], []
        for image_id, score in scores:
            z = before[image_id]
            after = z - score * readout[0] @ direction[concept_id]
            moved.append((after - z)[z.argmax()])
            crossed.append(
                any(
                    (1 / (1 + np.exp(-a)) >= t) != (1 / (1 + np.exp(-b)) >= t)
                    for a, b, t in zip(z, after, limits, strict=True)
                )
            )
        assert change == pytest.approx(np.mean(moved), rel=1e-3, abs=1e-5)
        assert flipped == pytest.approx(np.mean(crossed))
    assert any(0 < flipped < 1 for _, _, flipped in rows)


def test_hidden_places_are_judged_by_the_sigmoid_of_the_label(
    con: duckdb.DuckDBPyConnection, labels_store: Path
) -> None:
    model = backbone(labels_store)
    (root,) = labels_store.parents[1].rglob("birds.csv")
    file, class_id, prob = con.execute(
        "SELECT file, prediction.class_id, prob FROM image JOIN prediction USING (image_id) LIMIT 1"
    ).fetchall()[0]
    output = con.execute("SELECT output FROM class WHERE class_id = ?", [class_id]).fetchall()
    pixels = model.preprocess([open_image(root.parent / file)[0]])
    found = metric_faithfulness._class(model, pixels, output[0][0])
    assert found == pytest.approx([prob], abs=1e-4)


def test_fidelity_is_of_every_label_alike() -> None:
    splits = np.array(["train"] * 30 + ["test"] * 50)
    rows, labels = fidelity.by_label(5, splits, 96)
    assert np.bincount(labels).tolist() == [19] * 5
    assert (rows >= 30).all()
    for label in range(5):
        assert len(set(rows[labels == label].tolist())) == 19
    assert set(rows[labels == 0].tolist()) != set(rows[labels == 1].tolist())
    rows, labels = fidelity.by_label(200, splits, 96)
    assert len(set(labels.tolist())) == len(labels) == 96
    assert len(set(rows.tolist())) == 50
    rows, labels = fidelity.by_label(3, np.array(["train"] * 4), 96)
    assert np.bincount(labels).tolist() == [4] * 3


def test_each_labels_logit_is_explained_and_its_control_is_the_same_label(
    con: duckdb.DuckDBPyConnection,
) -> None:
    found = con.execute(
        "SELECT head.name, metric, value, random, control, n FROM fidelity JOIN head "
        "USING (head_id) WHERE method = 'linear'"
    ).df()
    found = found.set_index(["name", "metric"])
    n_labels = dict(
        con.execute(
            "SELECT name, count(*) FROM head JOIN head_bias USING (head_id) GROUP BY ALL"
        ).fetchall()
    )
    (n_test,) = con.execute("SELECT count(*) FROM image WHERE split = 'test'").fetchall()[0]
    for name in ("nmf · sparse", "nmf · backbone", "cbm · own"):
        mine = cast(pd.DataFrame, found.loc[name])
        each = min(n_test, 96 // n_labels[name])
        assert (mine["n"] == each * n_labels[name]).any()
        assert mine.loc["C-muFidelity", "value"] == pytest.approx(1)
        assert mine.loc["C-insertion", "value"] >= mine.loc["C-insertion", "random"]
        assert mine["control"].notna().all() == (name != "nmf · backbone")
    # mean height of the logit as concepts come in, from scores and weights
    rows, labels = fidelity.by_label(
        n_labels["nmf · sparse"],
        np.array(
            [s for (s,) in con.execute("SELECT split FROM image ORDER BY image_id").fetchall()]
        ),
        fidelity.JUDGED,
    )
    weight, bias, scores = _head(con)
    heights = []
    for row, y in zip(rows, labels, strict=True):
        parts = weight[y] * scores[row]
        order = np.argsort(-parts, kind="stable")
        steps = [parts[order[: round(s * len(parts) / 10)]].sum() + bias[y] for s in range(11)]
        heights.append(np.trapezoid(steps) / 10)
    assert found.loc[("nmf · sparse", "C-insertion"), "value"] == pytest.approx(
        np.mean(heights), rel=1e-4
    )


def _head(con: duckdb.DuckDBPyConnection) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of "nmf · sparse": weights and biases by class, and scores by image and concept."""
    (head_id,) = con.execute("SELECT head_id FROM head WHERE name = 'nmf · sparse'").fetchall()[0]
    biases = con.execute(
        "SELECT class_id, bias FROM head_bias WHERE head_id = ? ORDER BY class_id", [head_id]
    ).fetchall()
    row_of = {c: i for i, (c, _) in enumerate(biases)}
    n = con.execute("SELECT n_images FROM build").fetchall()[0][0]
    k = con.execute("SELECT n_concepts FROM bank WHERE name = 'nmf'").fetchall()[0][0]
    weight, scores = np.zeros((len(biases), k)), np.zeros((n, k))
    for class_id, concept_id, value in con.execute(
        "SELECT class_id, concept_id, weight FROM head_weight WHERE head_id = ?", [head_id]
    ).fetchall():
        weight[row_of[class_id], concept_id] = value
    for image_id, concept_id, value in con.execute(
        "SELECT image_id, concept_id, score FROM score WHERE bank_id = 0"
    ).fetchall():
        scores[image_id, concept_id] = value
    return weight, np.array([b for _, b in biases]), scores


def test_concepts_are_looked_for_behind_every_label_that_is_said(
    con: duckdb.DuckDBPyConnection,
) -> None:
    (head_id,) = con.execute("SELECT head_id FROM head WHERE name = 'cbm · own'").fetchall()[0]
    said = con.execute(
        "SELECT image_id, class_id, present FROM label_prediction LEFT JOIN image_class "
        "USING (image_id, class_id) JOIN image USING (image_id) "
        "WHERE head_id = ? AND split = 'test'",
        [head_id],
    ).fetchall()
    assert len(said) > 24
    parts = con.execute(
        "SELECT image_label.image_id, class_id, concept.concept_id, weight * coalesce(score, 0), "
        "present FROM head_weight JOIN concept ON concept.concept_id = head_weight.concept_id "
        "AND concept.bank_id = 1 JOIN image_label USING (labelled_id) LEFT JOIN score ON "
        "score.bank_id = 1 AND score.concept_id = concept.concept_id "
        "AND score.image_id = image_label.image_id WHERE head_id = ?",
        [head_id],
    ).fetchall()
    of: dict[tuple[int, int], list[tuple[float, int, bool]]] = {}
    for image_id, class_id, concept_id, part, present in parts:
        of.setdefault((image_id, class_id), []).append((-part, concept_id, present))
    values: dict[str, list[bool]] = {"all": [], "correct": []}
    for image_id, class_id, true in said:
        first = sorted(of[image_id, class_id])[0][2]
        values["all"].append(first)
        if true:
            values["correct"].append(first)
    for images, expected in values.items():
        value, n = con.execute(
            "SELECT value, n FROM metric WHERE name = 'cem' AND head_id = ? AND split = 'test' "
            "AND variant->>'l' = '1' AND variant->>'evidence' = 'all' AND variant->>'images' = ?",
            [head_id, images],
        ).fetchall()[0]
        assert n == len(expected)
        assert value == pytest.approx(np.mean(expected))


def test_an_image_is_taken_for_one_class_or_for_every_label_at_its_threshold() -> None:
    z = np.array([[1.0, 3.0, 2.0], [0.0, -1.0, -2.0]])
    assert taken(z, None).tolist() == [[False, True, False], [True, False, False]]
    assert taken(z, np.array([0.5, 0.99, 0.1]), "sigmoid").tolist() == [
        [True, False, True],
        [True, False, True],
    ]
