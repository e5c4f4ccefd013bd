"""A prediction is called right or wrong only where the label is a class that was chosen among."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import numpy as np
import pandas as pd
import pytest

from data import store
from data.queries import classes, comparing, concept, images, layouts

ROWS = """
INSERT INTO class VALUES (0, 'cat', TRUE, 1), (1, 'moth', TRUE, NULL), (2, 'owl', FALSE, 0);
INSERT INTO image SELECT i, i || '.jpg', c, 'test', 8, 8, '', 0, 0, 1, 1
    FROM (VALUES (0, 0), (1, 0), (2, 1), (3, NULL)) AS given(i, c);
INSERT INTO picture SELECT image_id, 'ab'::BLOB, 'ab'::BLOB FROM image;
INSERT INTO prediction VALUES (0, 0, 1, [0, 1]), (1, 2, 1, [1, 0]), (2, 2, 1, [1, 0]),
    (3, 2, 1, [1, 0]);
INSERT INTO image_layout SELECT image_id, 0, 0 FROM image;
INSERT INTO example SELECT 0, 0, 0, image_id, image_id, 1, 1, 0 FROM image;
INSERT INTO head VALUES (0, 'h', 0, 'sparse', '', FALSE, 'softmax', TRUE, 1, NULL);
INSERT INTO head_bias VALUES (0, 0, 0), (0, 2, 0);
INSERT INTO head_prediction VALUES (0, 0, 2, 1), (0, 1, 0, 1), (0, 2, 2, 1), (0, 3, 2, 1);
INSERT INTO cluster SELECT 0, 2, image_id, 0, 0, NULL, 0 FROM image;
"""
RIGHT = {0: True, 1: False, 2: None, 3: None}


@pytest.fixture(scope="module")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    with store.build(tmp_path_factory.mktemp("verdicts") / "s.duckdb") as built:
        built.execute(ROWS)
        yield built


def verdicts(frame: pd.DataFrame) -> dict[int, bool | None]:
    pairs = zip(frame["image_id"], frame["correct"], strict=True)
    return {int(i): None if pd.isna(right) else bool(right) for i, right in pairs}


def test_no_page_calls_an_unknown_label_wrong(con: duckdb.DuckDBPyConnection) -> None:
    shown = comparing.shown(con, 0, 0, image_ids=np.arange(4), most=9, spread=True)

    assert verdicts(shown) == RIGHT
    assert verdicts(layouts.images(con)) == RIGHT
    assert verdicts(concept.examples(con, 0, 0)) == RIGHT
    assert {i: images.image(con, i).correct for i in RIGHT} == RIGHT


def test_sets_of_wrong_images_hold_none_that_cannot_be_right(
    con: duckdb.DuckDBPyConnection,
) -> None:
    assert images.image_ids(con, wrong=True).tolist() == [1]
    assert images.image_ids(con, wrong=True, head_id=0).tolist() == [0]
    for right, ids in ((True, [0]), (False, [1])):
        found = comparing.members(con, split=None, class_id=None, right=right)
        assert found["image_id"].tolist() == ids


def test_a_head_is_judged_on_its_own_classes(con: duckdb.DuckDBPyConnection) -> None:
    assert classes.confused(con, 0, 2)["image_id"].tolist() == [0]
    assert verdicts(classes.cluster(con, 0, 2)) == {0: False, 1: False, 2: None, 3: None}
