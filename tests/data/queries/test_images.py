"""Answers about one image, on a store written row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from data import store
from data.queries import images, truth

ROWS = """
INSERT INTO class VALUES (0, 'finch', TRUE, 1), (1, 'jay', TRUE, 0), (2, 'owl', FALSE, 2);
INSERT INTO image VALUES
    (3, 'a.jpg', 0, 'train', 40, 30, '', 0, 0, 1, 1),
    (4, 'b.jpg', 1, 'test', 30, 50, 'first of 2 frames', -0.1, 0, 1.1, 1),
    (7, 'c.jpg', NULL, 'test', 40, 30, '', 0, 0, 1, 1),
    (9, 'd.jpg', 1, 'test', 40, 30, '', 0, 0, 1, 1);
INSERT INTO picture VALUES (3, 'ab'::BLOB, 'abc'::BLOB), (4, 'de'::BLOB, 'def'::BLOB);
INSERT INTO backbone BY NAME SELECT 'net' AS name, 'layer' AS layer, 2 AS grid_h, 3 AS grid_w,
    8 AS width, 16 AS input_h, 24 AS input_w, 0 AS n_extra, TRUE AS linear, 'named' AS why,
    'softmax' AS link, FALSE AS cls_linear;
INSERT INTO prediction VALUES
    (3, 0, 0.75, [0.5, 2, 1]), (4, 2, 0.5, [1, 1, 1]), (7, 1, 0.5, [1, 1, 1]),
    (9, 1, 0.5, [3, 1, 1]);
INSERT INTO head_prediction VALUES (5, 3, 1, 0.9), (5, 4, 1, 0.9), (5, 7, 1, 0.9), (5, 9, 0, 0.6);
INSERT INTO head_bias VALUES (5, 0, 0), (5, 1, 0), (6, 0, 0);
INSERT INTO labelled_concept VALUES (0, 'long tail', 'tail', 'tail'), (1, 'red', NULL, NULL);
INSERT INTO image_label VALUES (3, 0, FALSE), (3, 1, TRUE), (4, 0, TRUE);
INSERT INTO part VALUES (3, 'wing', 8, 9, TRUE), (3, 'wing', 5, 6, TRUE), (3, 'beak', NULL, NULL,
    FALSE);
INSERT INTO mask VALUES (3, 'wing', 2, 4, [3, 2, 3]);
INSERT INTO method VALUES ('saliency', 'ig', 0, 'IG', 'a', 'logits', TRUE, NULL),
    ('saliency', 'cam', 1, 'CAM', 'b', 'x', FALSE, NULL);
INSERT INTO saliency VALUES (4, 'ig', 2, 2, 3, 0.5, [1, -2, 3, 0, 0, 9]),
    (4, 'cam', 2, 1, 2, 0.5, [1, 2]), (9, 'cam', 1, 1, 2, 0.5, [1, 2]);
INSERT INTO code VALUES (0, 3, [0, 2, 2], [5, 0, 4], [10, -20, 30]),
    (1, 3, NULL, NULL, [1, 2, 3, 4, 5, 6, -1, -2, -3, -4, -5, -6]);
INSERT INTO score VALUES (0, 0, 3, 0.5, 2, 5), (0, 2, 3, -0.75, 3, 4), (1, 1, 3, -3.5, -6, 5);
"""
CONCEPT = """
INSERT INTO concept BY NAME SELECT $bank AS bank_id, 2 AS monosemanticity_n,
    '' AS doubt, '' AS hint, '' AS flags, $id AS concept_id, $name AS name,
    $source AS name_source, $label AS labelled_id, $scale AS map_scale, 2.5 AS peak_p99,
    1 AS n_active, 1 AS frequency, 1 AS density, 0 AS mean, 1 AS std, $lo AS score_min,
    0 AS score_q05, 0 AS score_q25, 0 AS score_q50, 0 AS score_q75, 0 AS score_q95,
    $hi AS score_max, 0 AS position_entropy, [0.0] AS mean_map
"""


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with store.build(tmp_path / "s.duckdb") as built:
        built.execute(ROWS)
        for bank, concept_id, name, source, label, scale, lo, hi in (
            (0, 0, "tail", "matched", 0, 0.2, -1, 3),
            (0, 1, None, "unnamed", None, 0.0, 0, 0),
            (0, 2, "blue", "matched", None, 0.1, -4, 3),
            (1, 0, "long tail", "label", 0, 0.5, -1, 1),
            (1, 1, "red", "label", 1, 1.0, -5, 1),
        ):
            built.execute(
                CONCEPT,
                {
                    "bank": bank,
                    "id": concept_id,
                    "name": name,
                    "source": source,
                    "label": label,
                    "scale": scale,
                    "lo": lo,
                    "hi": hi,
                },
            )
        yield built


def test_image_carries_the_names_of_its_label_and_prediction(
    con: duckdb.DuckDBPyConnection,
) -> None:
    found = images.image(con, 4)
    assert found is not None
    assert (found.label, found.predicted, found.prob) == ("jay", "owl", 0.5)
    assert found.view_x0 == pytest.approx(-0.1)
    assert found.note == "first of 2 frames"


def test_unlabelled_image_has_no_label_and_unknown_image_is_none(
    con: duckdb.DuckDBPyConnection,
) -> None:
    found = images.image(con, 7)
    assert found is not None
    assert found.label is None
    assert found.label_id is None
    assert images.image(con, 5) is None
    assert images.picture(con, 9) is None
    assert images.picture(con, 4) == b"def"
    assert images.thumbs(con, [9, 4, 3]) == {3: b"ab", 4: b"de"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, [3, 4, 7, 9]),
        ({"class_id": 1}, [4, 9]),
        ({"split": "test"}, [4, 7, 9]),
        ({"split": "nowhere"}, []),
        ({"wrong": True}, [4]),
        ({"wrong": True, "head_id": 5}, [3, 9]),
        ({"wrong": True, "head_id": 6}, []),
        ({"wrong": True, "head_id": 5, "class_id": 1, "split": "test"}, [9]),
    ],
)
def test_image_ids_pass_every_filter(
    con: duckdb.DuckDBPyConnection, given: dict[str, object], expected: list[int]
) -> None:
    assert images.image_ids(con, **given).tolist() == expected  # type: ignore[arg-type]


def test_labelled_classes_are_counted(con: duckdb.DuckDBPyConnection) -> None:
    found = images.labelled_classes(con)
    assert found[["name", "n"]].to_numpy().tolist() == [["finch", 1], ["jay", 2]]


def test_sparse_codes_come_back_as_maps(con: duckdb.DuckDBPyConnection) -> None:
    found = images.concept_maps(con, 0, 3)
    assert found is not None
    expected = np.zeros((3, 6))
    expected[0, 5], expected[2, 0], expected[2, 4] = 2.0, -2.0, 3.0
    np.testing.assert_allclose(found, expected)


def test_dense_codes_come_back_as_maps_concept_by_concept(con: duckdb.DuckDBPyConnection) -> None:
    row = images.codes(con, 1, 3)
    assert row is not None
    assert row.concept is None
    assert row.token is None
    found = images.concept_maps(con, 1, 3)
    steps = np.arange(1, 7)
    np.testing.assert_allclose(found, [steps * 0.5, -steps * 1.0])
    assert images.codes(con, 1, 4) is None
    assert images.concept_maps(con, 1, 4) is None


def test_facts_give_zero_for_a_concept_without_a_score(con: duckdb.DuckDBPyConnection) -> None:
    found = images.facts(con, 0, 3, concept_ids=np.array([0, 1, 2]))
    assert found["score"].tolist() == [0.5, 0.0, -0.75]
    assert found["score_size"].tolist() == [3, 0, 4]
    assert images.facts(con, 0, 4, concept_ids=np.array([2]))["score"].tolist() == [0]


def test_saliency_lists_magnitudes_before_signed_maps(con: duckdb.DuckDBPyConnection) -> None:
    found = images.saliency(con, 4)
    assert found["method"].tolist() == ["cam", "ig"]
    assert found["class_name"].tolist() == ["owl", "owl"]
    assert list(found["value"][1]) == [1, -2, 3, 0, 0, 9]
    assert images.saliency(con, 3).empty


def test_saliency_coverage_counts_images_not_maps(con: duckdb.DuckDBPyConnection) -> None:
    assert images.saliency_coverage(con) == images.SaliencyCoverage(2, 4, 4)
    con.execute("DELETE FROM saliency")
    assert images.saliency_coverage(con) == images.SaliencyCoverage(0, 4, None)


def test_labels_stand_beside_scores_of_concepts_fitted_to_them(
    con: duckdb.DuckDBPyConnection,
) -> None:
    found = truth.image_labels(con, 1, 3)
    assert found["name"].tolist() == ["red", "long tail"]
    assert found["present"].tolist() == [True, False]
    assert found["concept_id"].tolist() == [1, 0]
    assert found["score"].tolist() == [-3.5, 0.0]


def test_a_matched_name_is_no_fitted_concept(con: duckdb.DuckDBPyConnection) -> None:
    found = truth.image_labels(con, 0, 3)
    assert len(found) == 2
    assert found["concept_id"].isna().all()
    assert found["score"].isna().all()


def test_parts_are_the_visible_ones_and_masks_keep_their_runs(
    con: duckdb.DuckDBPyConnection,
) -> None:
    assert truth.parts(con, 3)[["part", "x"]].to_numpy().tolist() == [["wing", 5.0], ["wing", 8.0]]
    found = truth.masks(con, 3)
    assert list(found["runs"][0]) == [3, 2, 3]
    assert truth.masks(con, 4).empty
