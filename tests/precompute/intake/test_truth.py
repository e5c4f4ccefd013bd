"""What is known of the images, lined up: classes with outputs, labels, masks with token cells."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import reference

from core.types import Box, Grid
from data.datasets.types import Dataset
from data.images import runs
from precompute.intake.classes import classes_of, doubts, named_outputs
from precompute.intake.truth import cell_share, coverage, labels_of


def matched(names: list[str | None], outputs: list[str]) -> dict[str, str | None]:
    frame = classes_of(pd.Series(names, dtype=object), outputs).frame
    rows = frame[frame["labelled"]]
    return {
        row["name"]: None if pd.isna(row["output"]) else outputs[row["output"]]
        for _, row in rows.iterrows()
    }


@pytest.mark.parametrize(
    ("name", "output"),
    [
        ("wren", "wren"),
        ("n01440764_tench", "tench, Tinca tinca"),
        ("n02012849_crane", "n02012849"),
        ("Black footed Albatross", "Phoebastria nigripes (Black-footed Albatross)"),
        ("001.Black_footed_Albatross", "Phoebastria nigripes (Black-footed Albatross)"),
        ("great_grey_owl", "great grey owl, great gray owl, Strix nebulosa"),
        ("Strix nebulosa", "great grey owl, great gray owl, Strix nebulosa"),
        ("yellow_lady's_slipper", "yellow lady's slipper, Cypripedium calceolus"),
    ],
)
def test_label_finds_its_output(name: str, output: str) -> None:
    assert matched([name], ["toaster", output, "owl"]) == {name: output}


@pytest.mark.parametrize(
    ("name", "outputs"),
    [
        ("crane", ["crane", "crane"]),
        ("crane", ["heavy lifter, crane", "wader, crane"]),
        ("dove", ["wren", "dover sole"]),
    ],
)
def test_ambiguous_or_unlike_names_match_none(name: str, outputs: list[str]) -> None:
    assert matched([name], outputs) == {name: None}


def test_exact_name_wins_over_a_synonym() -> None:
    found = matched(["maillot", "tank suit"], ["maillot", "maillot, tank suit"])
    assert found == {"maillot": "maillot", "tank suit": "maillot, tank suit"}


@pytest.mark.parametrize(
    "names", [["20_speed", "30_speed"], ["0.0", "1.0"], ["1 Euro", "2 Euro"], ["a b", "a_b"]]
)
def test_equal_names_are_matched_whatever_they_look_like(names: list[str]) -> None:
    assert matched(names, [*names, "something else"]) == {name: name for name in names}


@pytest.mark.parametrize(
    ("names", "outputs", "none"),
    [
        (["1 Euro", "2 Euro"], ["1 Euro", "Euro"], "2 Euro"),
        (["20_speed", "Speed"], ["20_speed", "30_speed"], "Speed"),
        (["cat", "dog"], ["LABEL_0", "LABEL_1"], "cat"),
    ],
)
def test_what_another_name_may_mean_as_well_is_not_matched(
    names: list[str], outputs: list[str], none: str
) -> None:
    assert matched(names, outputs)[none] is None


def test_outputs_of_one_name_are_told_apart() -> None:
    outputs = ["crane", "wren", "crane"]
    found = classes_of(pd.Series(["crane", "wren"], dtype=object), outputs)

    assert found.frame["name"].tolist() == ["crane", "wren", "crane (output 0)", "crane (output 2)"]
    assert found.frame["output"].fillna(9).tolist() == [9, 1, 0, 2]
    told = dict(doubts(found, outputs, 3))
    assert "2 outputs of the model are called 'crane' (numbers 0, 2)" in told["crane"]
    assert "1 of 2 labels" in told["labels"]


def test_logits_and_names_of_another_number_are_told() -> None:
    assert named_outputs(["wren"], 3) == ("wren", "output 1", "output 2")
    assert named_outputs(["wren", "auk"], 1) == ("wren",)
    found = classes_of(pd.Series(["wren"], dtype=object), named_outputs(["wren"], 3))
    told = dict(doubts(found, ["wren"], 3))
    assert list(told) == ["names of outputs"]
    assert "3 logits and names 1 classes" in told["names of outputs"]
    assert list(doubts(found, ["wren"], 0)) == []


def test_classes_are_labels_then_outputs_left_over() -> None:
    found = classes_of(pd.Series(["wren", None, "auk", "wren"], dtype=object), ["heron", "wren"])
    frame = found.frame
    assert frame["name"].tolist() == ["auk", "wren", "heron"]
    assert frame["labelled"].tolist() == [True, True, False]
    assert frame["output"].fillna(9).tolist() == [9, 1, 0]
    assert found.of_image.tolist() == [1, -1, 0, 1]
    assert found.of_output.tolist() == [2, 1]


def test_unlabelled_images_of_a_silent_model_have_no_classes() -> None:
    found = classes_of(pd.Series([None, None], dtype=object), [])
    assert found.frame.empty
    assert found.of_image.tolist() == [-1, -1]
    assert found.of_output.tolist() == []


# -- labels ------------------------------------------------------------------------------------

LABELLED = pd.DataFrame(
    {"labelled_id": [0, 1], "name": ["a", "b"], "grouping": None, "part": ["wing", None]}
)
IMAGE = pd.DataFrame(
    {"image_id": [4, 6, 6], "labelled_id": [0, 0, 1], "present": [True, False, True]}
)
CLASS = pd.DataFrame({"label": ["wren", "auk"], "labelled_id": [0, 0], "fraction": [0.5, 0.49]})
ROWS = pd.DataFrame({"image_id": [4, 5, 6], "label": ["auk", "wren", None]})


def dataset(**frames: pd.DataFrame) -> Dataset:
    return Dataset("d", Path(), pd.DataFrame(), labelled=LABELLED, **frames)


def found(data: Dataset, level: str = "") -> tuple[str, list[list[float]]] | None:
    made = labels_of(data, ROWS, train=np.array([0, 1]), test=np.array([2]), level=level)
    if made is None:
        return None
    assert made.names == ("a", "b")
    return made.level, np.concatenate([made.train, made.test]).tolist()


NAN = pytest.approx(float("nan"), nan_ok=True)


def test_image_labels_go_before_class_labels() -> None:
    both = dataset(image_labels=IMAGE, class_labels=CLASS)
    assert found(both) == ("image", [[1, NAN], [NAN, NAN], [0, 1]])


@pytest.mark.parametrize("image_labels", [IMAGE, IMAGE.iloc[:0]])
def test_class_labels_count_from_one_half(image_labels: pd.DataFrame) -> None:
    data = dataset(image_labels=image_labels, class_labels=CLASS)
    level = "class" if len(image_labels) else ""
    assert found(data, level) == ("class", [[0, NAN], [1, NAN], [NAN, NAN]])


def test_nothing_known_is_no_labels() -> None:
    assert found(dataset()) is None
    assert found(dataset(class_labels=CLASS), "image") is None
    assert (
        labels_of(
            Dataset("d", Path(), pd.DataFrame()), ROWS, train=np.array([0]), test=np.array([1])
        )
        is None
    )


def test_unknown_level_is_refused() -> None:
    with pytest.raises(ValueError, match="'image' or 'class', not 'pixel'"):
        found(dataset(image_labels=IMAGE), "pixel")


# -- masks -------------------------------------------------------------------------------------

MASK = np.random.default_rng(0).random((11, 17)) < 0.4


@pytest.mark.parametrize(
    "box",
    [(0.0, 0.0, 1.0, 1.0), (0.1, 0.25, 0.8, 0.9), (-0.2, -0.3, 1.1, 1.4), (0.5, 0.0, 0.51, 1.0)],
    ids=["whole", "crop", "padded", "narrower than a pixel"],
)
def test_cell_share_is_exact(box: tuple[float, float, float, float]) -> None:
    found = cell_share(MASK, Grid(3, 5), Box(*box))
    np.testing.assert_allclose(found, reference.cell_share(MASK, (3, 5), box), atol=1e-6)


def test_cell_shares_add_up_to_the_mask() -> None:
    found = cell_share(MASK, Grid(3, 5), Box(0.0, 0.0, 1.0, 1.0))
    assert found.mean() == pytest.approx(MASK.mean(), abs=1e-6)
    full = cell_share(np.ones((11, 17), dtype=bool), Grid(3, 5), Box(0.2, 0.1, 0.7, 0.9))
    np.testing.assert_allclose(full, 1, atol=1e-6)


def test_cells_beyond_the_image_hold_nothing() -> None:
    found = cell_share(np.ones((11, 17), dtype=bool), Grid(2, 4), Box(-1.0, 0.0, 1.0, 2.0))
    assert found.tolist() == [[0, 0, 1, 1], [0, 0, 0, 0]]


def test_coverage_counts_a_part_where_its_concept_is_present() -> None:
    masks = pd.DataFrame(
        {
            "image_id": [6, 6],
            "part": ["wing", "tail"],
            "height": 11,
            "width": 17,
            "runs": [runs(MASK), runs(~MASK)],
        }
    )
    rows = pd.DataFrame(
        {"image_id": [4, 6], "view_x0": 0.0, "view_y0": 0.0, "view_x1": 1.0, "view_y1": 0.5}
    )
    present = np.array([[1.0, 1.0], [1.0, 1.0]])
    found = coverage(dataset(masks=masks), rows, Grid(3, 5), present=present)
    assert found.shape == (2 * 15, 2)
    assert not found[:15].any()  # image 4 has no mask
    expected = reference.cell_share(MASK, (3, 5), (0, 0, 1, 0.5)).ravel()
    np.testing.assert_allclose(found[15:, 0], expected, atol=1e-6)
    assert not found[:, 1].any()  # a concept without a part
    for value in (0.0, np.nan):
        present[1, 0] = value
        assert not coverage(dataset(masks=masks), rows, Grid(3, 5), present=present).any()
