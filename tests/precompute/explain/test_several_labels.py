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


def test_labels_that_are_said_take_even_shares() -> None:
    said = np.zeros((50, 3), dtype=bool)
    said[:40, 0], said[30:50, 2] = True, True
    rows, labels = fidelity.by_label(said, 30)
    assert said[rows, labels].all()
    assert np.bincount(labels).tolist() == [20, 0, 10]
    assert len(fidelity.by_label(said, 96)[0]) == 60
    assert len(fidelity.by_label(~said & said, 96)[0]) == 0


def test_the_logit_of_every_label_that_is_said_is_explained(
    con: duckdb.DuckDBPyConnection,
) -> None:
    found = con.execute(
        "SELECT head.name, metric, value, random, control, n FROM fidelity JOIN head "
        "USING (head_id) WHERE method = 'linear'"
    ).df()
    found = found.set_index(["name", "metric"])
    for name in ("nmf · sparse", "nmf · backbone", "cbm · own"):
        said = con.execute(
            "SELECT image_id, label_prediction.class_id FROM label_prediction JOIN image "
            "USING (image_id) JOIN head USING (head_id) WHERE head.name = ? AND split = 'test'",
            [name],
        ).fetchall()
        mine = cast(pd.DataFrame, found.loc[name])
        assert len(said) > 24
        assert mine["n"].max() == min(len(said), fidelity.JUDGED)
        assert mine.loc["C-muFidelity", "value"] == pytest.approx(1)
        assert mine.loc["C-insertion", "value"] >= mine.loc["C-insertion", "random"]
        assert mine["control"].notna().all() == (name != "nmf · backbone")
        if name != "nmf · sparse":
            continue
        assert len(said) <= fidelity.JUDGED
        weight, class_ids, scores = _head(con)
        areas, moved = [], []
        for image_id, class_id in said:
            parts = weight[class_ids.index(class_id)] * scores[image_id]
            parts = np.sort(parts[scores[image_id] != 0])[::-1]
            areas.append(np.trapezoid(np.concatenate([[0], parts.cumsum()])) / len(parts))
            moved.append(abs(parts.sum()))
        expected = np.sum(areas) / np.sum(moved)
        assert mine.loc["C-insertion", "value"] == pytest.approx(expected, rel=1e-4)


def _head(con: duckdb.DuckDBPyConnection) -> tuple[np.ndarray, list[int], np.ndarray]:
    """Of "nmf · sparse": weights, class_ids of their rows, and scores by image and concept."""
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
    return weight, list(row_of), scores


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
