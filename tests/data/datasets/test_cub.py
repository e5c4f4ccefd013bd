"""CUB-200-2011: both layouts, readable names, merged sides, honest unknowns."""

from pathlib import Path

import pytest
from paths import ROOT
from PIL import Image

from data.datasets import load
from data.datasets.cub import cub
from data.datasets.cub_names import attribute

REAL = ROOT.parent / "shared" / "real" / "cub10"

TABLES = {
    "images.txt": "1 001.Black_footed_Albatross/z.jpg\n2 002.Jay/b.jpg\n3 002.Jay/a.jpg\n"
    "4 002.Jay/gone.jpg",
    "classes.txt": "1 001.Black_footed_Albatross\n2 002.Jay\n3 003.Unseen",
    "image_class_labels.txt": "1 1\n2 2\n3 2\n4 2",
    "train_test_split.txt": "1 0\n2 1\n3 0\n4 1",
    "bounding_boxes.txt": "1 1.0 1.0 5.0 5.0",
    "parts/parts.txt": "1 back\n2 left eye\n3 right eye\n4 left leg\n5 right leg",
    "parts/part_locs.txt": "1 1 4.5 6.0 1\n1 2 1.0 2.0 1\n1 3 3.0 2.0 1\n1 4 0.0 0.0 0\n"
    "1 5 7.0 8.0 1\n2 1 0.0 0.0 0\n2 2 0.0 0.0 0\n2 3 0.0 0.0 0\n2 4 5.0 5.0 1\n2 5 0.0 0.0 0",
    "attributes/class_attribute_labels_continuous.txt": "0.0 25.0\n100.0 50.0\n10.0 10.0",
    "attributes/image_attribute_labels.txt": "1 1 0 4 1.5\n1 2 1 3 2.0\n2 1 0 1 0.5\n"
    "2 2 1 4 0 6.1\n3 1 1 2 0 0 9.0",
}
ATTRIBUTES = "1 has_bill_shape::hooked_seabird\n2 has_size::small_(5_-_9_in)"


@pytest.fixture
def official(tmp_path: Path) -> Path:
    root = tmp_path / "CUB_200_2011"
    for name, text in TABLES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text + "\n")
    (tmp_path / "attributes.txt").write_text(ATTRIBUTES + "\n")
    for file in ("001.Black_footed_Albatross/z.jpg", "002.Jay/b.jpg", "002.Jay/a.jpg"):
        (root / "images" / file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (13, 9)).save(root / "images" / file)
    return root


def test_the_official_tables_are_joined_by_image(official):
    dataset = cub(official)
    assert dataset.images["file"].tolist() == [
        "images/001.Black_footed_Albatross/z.jpg",
        "images/002.Jay/a.jpg",
        "images/002.Jay/b.jpg",
    ]
    assert dataset.images["label"].tolist() == ["Black footed Albatross", "Jay", "Jay"]
    assert dataset.images["split"].tolist() == ["test", "test", "train"]
    assert dataset.skipped["file"].tolist() == ["images/002.Jay/gone.jpg"]
    assert all(dataset.path(file).is_file() for file in dataset.images["file"])


@pytest.mark.parametrize("place", ["attributes.txt", "attributes/attributes.txt"])
def test_the_attribute_names_may_lie_inside(official, place):
    (official.parent / "attributes.txt").rename(official / place)
    names = cub(official.parent).labelled
    assert names["name"].tolist() == ["bill shape: hooked seabird", "size: small (5 - 9 in)"]
    assert names["grouping"].tolist() == ["bill shape", "size"]
    assert names["part"].iloc[0] == "beak"
    assert names["part"].isna().tolist() == [False, True]


def test_labels_of_parts_nobody_could_see_are_unknown(official):
    rows = cub(official).image_labels
    assert rows.values.tolist() == [[0, 0, False], [0, 1, True], [2, 1, True], [1, 0, True]]


def test_labels_of_images_may_be_absent(official):
    (official / "attributes" / "image_attribute_labels.txt").unlink()
    assert cub(official).image_labels.empty


def test_percentages_become_fractions_of_the_classes_that_have_images(official):
    table = cub(official).class_labels
    assert table.values.tolist() == [
        ["Black footed Albatross", 0, 0.0],
        ["Black footed Albatross", 1, 0.25],
        ["Jay", 0, 1.0],
        ["Jay", 1, 0.5],
    ]


def test_left_and_right_are_merged_and_both_kept_when_visible(official):
    parts = cub(official).parts
    first = parts[parts["image_id"] == 0]
    assert first["part"].tolist() == ["back", "eye", "eye", "leg"]
    assert first["x"].tolist() == [4.5, 1.0, 3.0, 7.0]
    assert first["visible"].all()
    jay = parts[parts["image_id"] == 2].set_index("part")
    assert jay["visible"].to_dict() == {"back": False, "eye": False, "leg": True}
    assert jay.loc[["back", "eye"], ["x", "y"]].isna().all(axis=None)


@pytest.mark.parametrize("name", ["classes.txt", "parts/part_locs.txt", "train_test_split.txt"])
def test_a_missing_table_is_named(official, name):
    (official / name).unlink()
    with pytest.raises(ValueError, match=Path(name).name):
        cub(official)


def test_names_are_stripped_and_composed(official):
    (official / "classes.txt").write_text("1 001.Ba\u0308r_\n2 002.Jay\n3 003.Unseen\n")
    dataset = cub(official)
    assert dataset.images["label"].tolist() == ["B\u00e4r", "Jay", "Jay"]
    assert dataset.class_labels["label"].unique().tolist() == ["B\u00e4r", "Jay"]


def test_a_split_that_is_neither_is_refused(official):
    (official / "train_test_split.txt").write_text("1 0\n2 1\n3 2\n4 1\n")
    with pytest.raises(ValueError, match=r"train_test_split.txt: 2 is neither 1 .* nor 0"):
        cub(official)


def test_a_damaged_table_is_named(official):
    (official / "classes.txt").write_text("1 001.Black footed Albatross\n2 002.Blue Jay x\n")
    with pytest.raises(ValueError, match=r"classes.txt has 4 columns; 2 were expected"):
        cub(official)
    (official / "classes.txt").write_text(TABLES["classes.txt"])
    percent = official / "attributes" / "class_attribute_labels_continuous.txt"
    percent.write_text("101 3\n1 2\n1 2\n")
    with pytest.raises(ValueError, match="percentages from 0 to 100"):
        cub(official)


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"neither images.txt .* nor images.csv"):
        cub(tmp_path)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("has_under_tail_color::red", ("under tail color: red", "under tail color", "tail")),
        ("has_upperparts_color::red", ("upperparts color: red", "upperparts color", None)),
        ("has_leg_color::buff", ("leg color: buff", "leg color", "leg")),
        ("has_shape::gull-like", ("shape: gull-like", "shape", None)),
    ],
)
def test_attributes_read_as_words(raw, expected):
    assert attribute(raw) == expected


@pytest.mark.skipif(not REAL.is_dir(), reason="no copy of CUB's first ten classes")
def test_the_compact_form_of_real_data_is_whole():
    dataset = load("cub", REAL)
    assert len(dataset.images) == 543
    assert dataset.images["label"].nunique() == 10
    assert len(dataset.labelled) == 312
    assert len(dataset.class_labels) == 3120
    assert dataset.parts["part"].nunique() == 12
    assert dataset.parts.groupby("image_id")["part"].nunique().eq(12).all()
    assert dataset.parts["visible"].sum() == 6183
    assert dataset.class_labels["fraction"].between(0, 1).all()
    assert set(dataset.labelled["part"].dropna()) <= set(dataset.parts["part"])
    few = load("cub", REAL, limit=40)
    assert few.images.groupby(["label", "split"]).size().tolist() == [2] * 20
    assert few.parts["image_id"].between(0, 39).all()
    assert len(few.class_labels) == 3120


def test_the_compact_form_knows_the_words_for_splits(official):
    (official / "images.txt").unlink()
    rows = [
        "image_id,file,class_name,split",
        "1,images/001.Black_footed_Albatross/z.jpg,001.A,Holdout",
    ]
    rows += ["2,images/002.Jay/b.jpg,002.Jay,Training"]
    (official / "images.csv").write_text("\n".join(rows) + "\n")
    (official / "parts.csv").write_text("image_id,part,x,y,visible\n1,back,1,1,1\n")
    (official / "attributes.txt").write_text("has_size::small\n")
    percent = "class_name,has_size::small\n001.A,10\n002.Jay,20\n"
    (official / "class_attributes_percent.csv").write_text(percent)
    assert cub(official).images["split"].tolist() == ["test", "train"]
