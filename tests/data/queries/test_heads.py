"""Heads read back from their sparse rows, on a store written row by row."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

from core import bottleneck
from data import store
from data.queries import heads

ROWS = """
INSERT INTO class VALUES (0, 'finch', TRUE, 2), (4, 'jay', TRUE, 0), (6, 'owl', TRUE, NULL);
INSERT INTO head VALUES (0, 'plain', 1, 'sparse', 'a', FALSE, 'softmax', TRUE, 4, 1e-6),
    (2, 'whole', 1, 'backbone', 'b', TRUE, 'softmax', TRUE, 2, NULL);
INSERT INTO head_bias VALUES (0, 6, 0.5), (0, 0, -1), (0, 4, 2), (2, 4, 0.25), (2, 0, 0.75);
INSERT INTO head_weight VALUES (0, 0, 8, 1.5), (0, 6, 8, -2), (0, 4, 3, 4), (0, 4, 11, 5),
    (2, 0, 3, 10), (2, 4, 8, -1);
INSERT INTO score VALUES (1, 3, 20, 0.5, 1, 0), (1, 3, 21, 2, 1, 0), (1, 8, 20, -1, 1, 0),
    (1, 9, 20, 77, 1, 0), (0, 3, 20, 99, 1, 0), (1, 11, 25, 3, 1, 0);
INSERT INTO prediction VALUES (20, 0, 0.5, [1, 2, 3]), (21, 4, 0.5, [4, 5, 6]);
INSERT INTO image BY NAME SELECT unnest([20, 21, 25]) AS image_id, 'f' AS file,
    unnest([0, NULL, 4]) AS class_id, 'test' AS split, 1 AS width, 1 AS height, '' AS note,
    0 AS view_x0, 0 AS view_y0, 1 AS view_x1, 1 AS view_y1;
"""


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with store.build(tmp_path / "s.duckdb") as built:
        built.execute(ROWS)
        yield built


def test_a_head_is_dense_over_the_concepts_it_weighs(con: duckdb.DuckDBPyConnection) -> None:
    found = heads.load(con, 0)
    assert found.class_ids.tolist() == [0, 4, 6]
    assert found.class_names == ("finch", "jay", "owl")
    assert found.concept_ids.tolist() == [3, 8, 11]
    np.testing.assert_array_equal(found.head.weight, [[0, 1.5, 0], [4, 0, 5], [0, -2, 0]])
    np.testing.assert_array_equal(found.head.bias, [-1, 2, 0.5])
    assert found.outputs.tolist() == [2, 0, -1]
    assert not found.head.residual


def test_an_unknown_head_is_named(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(LookupError, match="no head 1"):
        heads.load(con, 1)


def test_a_head_without_weights_still_has_its_classes(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("DELETE FROM head_weight WHERE head_id = 0")
    found = heads.load(con, 0)
    assert found.head.weight.shape == (3, 0)
    places, known = found.places(np.array([3, 8]))
    assert places.tolist() == [0, 0]
    assert not known.any()


def test_places_tell_known_concepts_from_strangers(con: duckdb.DuckDBPyConnection) -> None:
    places, known = heads.load(con, 0).places(np.array([11, 4, 3, 99]))
    assert known.tolist() == [True, False, True, False]
    assert places[known].tolist() == [2, 0]


def test_scores_are_dense_with_zero_where_nothing_is_listed(con: duckdb.DuckDBPyConnection) -> None:
    found = heads.image_scores(con, 1, np.array([3, 8, 11]), image_ids=np.array([20, 21, 25]))
    np.testing.assert_array_equal(found, [[0.5, -1, 0], [2, 0, 0], [0, 0, 3]])
    none = heads.image_scores(con, 1, np.zeros(0, np.int64), image_ids=np.array([20]))
    assert none.shape == (1, 0)


def test_backbone_logits_follow_the_heads_classes(con: duckdb.DuckDBPyConnection) -> None:
    found = heads.backbone_logits(con, np.array([2, 0]), image_ids=np.array([20, 21]))
    np.testing.assert_array_equal(found, [[3, 1], [6, 4]])


def test_missing_logits_and_outputs_are_told(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(LookupError, match="1 of 2 images have no"):
        heads.backbone_logits(con, np.array([2, 0]), image_ids=np.array([20, 25]))
    with pytest.raises(LookupError, match="not among the backbone's outputs"):
        heads.backbone_logits(con, np.array([2, -1]), image_ids=np.array([20]))


def test_a_residual_head_from_the_store_equals_the_backbone_until_edited(
    con: duckdb.DuckDBPyConnection,
) -> None:
    loaded, ids = heads.load(con, 2), np.array([20, 21])
    scores = heads.image_scores(con, 1, loaded.concept_ids, image_ids=ids)
    backbone = heads.backbone_logits(con, loaded.outputs, image_ids=ids)
    rest = bottleneck.rest(loaded.head, scores, backbone)
    np.testing.assert_allclose(bottleneck.logits(loaded.head, scores, rest), [[3, 1], [6, 4]])
    edited = bottleneck.intervene(scores, {0: 1.5})  # concept 3: weight 10 for finch
    np.testing.assert_allclose(bottleneck.logits(loaded.head, edited, rest)[0], [13, 1])


def test_labels_leave_unlabelled_images_out(con: duckdb.DuckDBPyConnection) -> None:
    assert heads.labels(con)["image_id"].tolist() == [20, 25]
