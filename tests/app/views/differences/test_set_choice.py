"""Sets of images survive the address; the cluster graph keeps distances."""

from __future__ import annotations

import in_node
import pandas as pd
import pytest

from app.views.classes import class_tables
from app.views.differences.set_choice import ImageSet, pairs, read
from app.widgets import cluster

SPLITS, CLASSES = ["train", "test", "odd~one"], {0: "wren", 7: "heron"}


@pytest.mark.parametrize(
    "chosen",
    [ImageSet(), ImageSet("test"), ImageSet("odd~one", 7, "wrong"), ImageSet(class_id=0)],
)
def test_a_set_survives_the_address(chosen: ImageSet) -> None:
    assert read(chosen.text(), splits=SPLITS, classes=CLASSES) == chosen


@pytest.mark.parametrize(
    "text", [None, "", "test", "~~~~", "nowhere~~", "~3~", "~-1~", "~٧~", "~~maybe", "~07~"]
)
def test_what_is_no_set_of_this_store_is_refused(text: str | None) -> None:
    assert read(text, splits=SPLITS, classes=CLASSES) is None


def test_a_shift_is_offered_first_where_there_is_one() -> None:
    first = next(iter(pairs(SPLITS, CLASSES, judged=True).values()))
    assert first == (ImageSet("test"), ImageSet("odd~one"))
    assert list(pairs(["all"], {}, judged=False)) == ["all images"]


@in_node.needed
def test_points_fill_the_board_with_one_scale() -> None:
    points = [{"x": -3, "y": 1}, {"x": 5, "y": 2}, {"x": 1, "y": -1}]
    found = in_node.run(
        in_node.use("cluster", "fit")
        + "const p = fit(given.points, 300, 200, 20);"
        + "const out = given.points.map((q) => [p.x(q.x), p.y(q.y), p.scale]);"
        + in_node.SAY,
        points=points,
    )
    scale = found[0][2]
    assert scale == pytest.approx(260 / 8)
    for (x, y, _), point in zip(found, points, strict=True):
        assert x == pytest.approx(150 + (point["x"] - 1) * scale)
        assert y == pytest.approx(100 - (point["y"] - 0.5) * scale)


def test_legend_names_the_concepts_most_often_on_top() -> None:
    rows = pd.DataFrame(
        {
            "image_id": range(12),
            "x": 0.0,
            "y": 0.0,
            "concept_id": [5, 5, 5, 2, 2, -1, *range(10, 16)],
            "name": ["red"] * 3 + ["blue"] * 2 + [None] * 7,
            "value": 1.0,
            "thumb": [b"jpeg"] * 12,
            "split": "test",
            "label": ["wren"] * 11 + [None],
            "correct": [True] * 10 + [False, None],
        }
    )
    data = cluster.payload(rows, title="t")
    assert [(e["name"], e["n"]) for e in data["legend"]][:3] == [
        ("red #5", 3),
        ("blue #2", 2),
        ("#10", 1),
    ]
    assert sum(e["n"] for e in data["legend"]) == 12
    assert data["legend"][-1]["name"] == "other concepts"
    assert [p["wrong"] for p in data["points"]] == [False] * 10 + [True, False]


def test_recall_and_precision_count_their_images() -> None:
    rows = pd.DataFrame(
        [("test", 1, 1, 6), ("test", 1, 0, 2), ("test", 2, 1, 4)],
        columns=["split", "label_id", "predicted_id", "n"],
    )
    found = class_tables.per_split(rows, 1).iloc[0]
    assert (found["Recall"], found["n carry it"]) == (75, 8)
    assert (found["Precision"], found["n taken"]) == (60, 10)
