"""A CSV manifest: every kind of column, and every way it can be wrong."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.datasets import load
from data.datasets.manifest import manifest
from data.images import from_runs


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name in "abc":
        Image.new("RGB", (13, 9)).save(tmp_path / f"{name}.png")
    mask = np.zeros((9, 13), dtype=np.uint8)
    mask[2:4, 5:9] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    return tmp_path


def _csv(place: Path, *lines: str) -> Path:
    path = place / "birds.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_every_kind_of_column_is_read(place):
    dataset = manifest(
        _csv(
            place,
            "file,label,split,concept:striped,concept:beak/hooked,part:beak,mask:wing",
            "b.png,jay,test,0,,,",
            "a.png,owl,train,1,0,4 7.5,m.png",
            "c.png,,extra,,,,",
        )
    )
    assert dataset.images["file"].tolist() == ["a.png", "b.png", "c.png"]
    assert dataset.images["label"].tolist()[:2] == ["owl", "jay"]
    assert dataset.images["label"].isna().tolist() == [False, False, True]
    assert dataset.images["split"].tolist() == ["train", "test", "extra"]
    assert dataset.labelled["name"].tolist() == ["striped", "beak: hooked"]
    assert dataset.labelled["grouping"].isna().tolist() == [True, False]
    assert dataset.image_labels.values.tolist() == [[0, 0, True], [0, 1, False], [1, 0, False]]
    assert dataset.parts["visible"].tolist() == [True, False, False]
    assert dataset.parts.iloc[0][["image_id", "part", "x", "y"]].tolist() == [0, "beak", 4, 7.5]
    (mask,) = dataset.masks.itertuples()
    inside = from_runs(mask.runs, h=mask.height, w=mask.width)
    assert (mask.image_id, mask.part, inside.sum(), inside[2, 5]) == (0, "wing", 8, True)
    assert dataset.skipped.empty
    assert dataset.path("a.png").is_file()


def test_a_list_of_files_alone_is_enough(place):
    dataset = manifest(_csv(place, "\ufefffile", "a.png", "", "b.png"))
    assert sorted(dataset.images["split"]) == ["test", "train"]
    assert dataset.images["label"].isna().all()
    assert dataset.labelled.empty


def test_duplicates_missing_files_and_bad_masks_are_reported(place):
    (place / "bad.png").write_text("no mask")
    dataset = manifest(
        _csv(
            place,
            "file,label,mask:wing",
            "a.png,x,bad.png",
            "a.png,y,",
            "gone.png,z,",
            "b.png,x,none.png",
            f"{'n' * 300}.png,z,",
        )
    )
    assert dataset.images["file"].tolist() == ["a.png", "b.png"]
    assert dataset.images["label"].tolist() == ["x", "x"]
    assert dataset.masks.empty
    reasons = dict(zip(dataset.skipped["file"], dataset.skipped["reason"], strict=True))
    assert reasons["a.png"] == "listed again in row 3; the first row counts"
    assert reasons["bad.png"] == "mask of a.png left out: it holds text, not an image"
    assert "no such file" in reasons["gone.png"]
    assert "no such file" in reasons["none.png"]
    assert len(dataset.skipped) == 5


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,concept:red", "a.png,1", "b.png,yes"], "row 3, column 'concept:red': 'yes'"),
        (["file,part:beak", "a.png,7"], "row 2, column 'part:beak': '7'"),
        (["file,part:beak", "a.png,7 nan"], "row 2, column 'part:beak'"),
        (["name", "a.png"], "no column `file`"),
        (["file,concept:", "a.png,1"], "column 'concept:' names nothing"),
        (["file,label,label", "a.png,1,2"], "'label' appears twice"),
        (["file,label", "a.png,x,y"], "row 2: 3 values for 2 columns"),
        (["file;label", "a.png"], "row 2: 1 values for 2 columns.* contains a semicolon"),
        (["name;label", "a.png;x"], "no column `file`.* names 'name', 'label' .*semicolons"),
        (["file,label", ",x"], "row 2, column 'file': it is empty"),
        (["file", "/a.png"], "row 2, column 'file': '/a.png' leads out of the table's folder"),
        (["file", "a.png", "../b.png"], "row 3, column 'file': '../b.png' leads out"),
        (["file,mask:wing", "a.png,../m.png"], "row 2, column 'mask:wing': '../m.png' leads out"),
        (["file", r"C:\\birds\\a.png"], "row 2, column 'file'.* is a path of another computer"),
        (["file", r"\\\\server\\a.png"], "row 2, column 'file'.* is a path of another computer"),
        (["file,split", "a.png,0", "b.png,1"], "numbers for splits: '0' .1., '1' .1.;.*'train'"),
        (["file,split", "a.png,fold_1", "b.png,fold_2"], "numbers for splits: 'fold_1'"),
        (["file,split", "a.png,test", "b.png,extra"], "no train split, only 'test' .1., 'extra'"),
        (["file,split", "a.png,test", "b.png,test"], "no train split, only 'test' .2.;.*'train'"),
        (["file,split", "a.png,train", "b.png,"], "b.png has no split"),
        (["file", "gone.png"], "lists no image"),
        ([""], "no column `file`"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(place, lines, message):
    with pytest.raises(ValueError, match=message):
        manifest(_csv(place, *lines))


def test_other_encodings_are_refused(place):
    (place / "birds.csv").write_bytes("file,label\na.png,gr\u00fcn\n".encode("latin-1"))
    with pytest.raises(ValueError, match="UTF-8"):
        manifest(place / "birds.csv")


def test_odd_labels_pass_through_unchanged(place):
    label = "<script>alert(1)</script> " + "鳥" * 300
    dataset = manifest(_csv(place, f"file,label,concept:{label}", f"a.png,{label},1"))
    assert dataset.images["label"].tolist() == [label]
    assert dataset.labelled["name"].tolist() == [label.replace("/", ": ", 1)]


def test_a_limit_keeps_the_tables_in_step(place):
    path = _csv(
        place,
        "file,label,split,concept:red,part:eye",
        "a.png,x,train,1,1 2",
        "b.png,x,train,0,3 4",
        "c.png,y,train,0,5 6",
    )
    dataset = load("manifest", path, limit=2)
    assert dataset.images["file"].tolist() == ["a.png", "c.png"]
    assert dataset.image_labels.values.tolist() == [[0, 0, True], [1, 0, False]]
    assert dataset.parts["x"].tolist() == [1.0, 5.0]
    assert dataset.parts["image_id"].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("words", "splits"),
    [
        (("Train", "TEST ", "Test"), ["train", "test", "test"]),
        (("training", "valid", "testing"), ["train", "val", "test"]),
        (("trn", "dev", "hold-out"), ["train", "val", "test"]),
        (("train2017", "val2017", "val2017"), ["train", "test", "test"]),
        (("train", "Night", "test"), ["train", "Night", "test"]),
    ],
)
def test_splits_are_known_by_every_word_for_them(place, words, splits):
    files = zip("abc", words, strict=True)
    dataset = manifest(_csv(place, "file,split", *(f"{n}.png,{w}" for n, w in files)))
    assert dataset.images["split"].tolist() == splits


@pytest.mark.parametrize("separator", [",", ";"])
def test_known_columns_may_be_written_with_capitals(place, separator):
    rows = ["File,Split,Label,Concept:Red", "a.png,Train,owl,1", "b.png,Test,jay,0"]
    dataset = manifest(_csv(place, *(row.replace(",", separator) for row in rows)))
    assert dataset.images["split"].tolist() == ["train", "test"]
    assert dataset.images["label"].tolist() == ["owl", "jay"]
    assert dataset.labelled["name"].tolist() == ["Red"]
    assert dataset.remarks == ()


def test_of_two_spellings_of_a_column_the_known_one_counts(place):
    dataset = manifest(_csv(place, "file,Split,split", "a.png,x,train", "b.png,y,test"))
    assert dataset.images["split"].tolist() == ["train", "test"]
    assert dataset.remarks == ("columns of birds.csv left out: Split",)
    with pytest.raises(ValueError, match="column 'split' appears twice"):
        manifest(_csv(place, "file,Split,SPLIT", "a.png,train,train"))


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_tables_of_other_separators_and_spreadsheets_are_read(place, separator):
    """Empty columns at the end, a running number in front, and columns of other names."""
    lines = [
        ["", "file", "label", "colour", "", ""],
        ["0", "a.png", "owl, barn", "red", "", ""],
        ["1", "b.png", "jay", "", "", "", ""],
    ]
    dataset = manifest(_csv(place, *(separator.join(line) for line in lines)))
    assert dataset.images["label"].tolist() == ["owl, barn", "jay"]
    assert dataset.remarks == (
        "columns of birds.csv left out: (no name), colour, (no name), (no name)",
    )


def test_backslashes_and_accents_lead_to_the_same_file(place):
    composed = "B\u00e4r"
    (place / "sub").mkdir()
    for folder, name in (("sub", "a"), ("sub", "Ba\u0308r"), ("", "z")):
        Image.new("RGB", (13, 9)).save(place / folder / f"{name}.png")
    dataset = manifest(
        _csv(
            place,
            "file,label",
            r"sub\a.png,cat ",
            f"sub/{composed}.png,cat",
            f"./z.png,{composed}",
            "z.png,Ba\u0308r",
            f"{(place / 'b.png').absolute()},Ba\u0308r",
        )
    )
    assert dataset.images["file"].tolist() == [
        "b.png",
        "sub/Ba\u0308r.png",
        "sub/a.png",
        "z.png",
    ]
    assert dataset.images["label"].tolist() == [composed, "cat", "cat", composed]
    assert dataset.skipped["reason"].tolist() == ["listed again in row 5; the first row counts"]


def test_files_out_of_the_folder_are_read_with_leave_alone(place, tmp_path_factory):
    other = tmp_path_factory.mktemp("elsewhere")
    Image.new("RGB", (13, 9)).save(other / "o.png")
    (place / "link.png").symlink_to(other / "o.png")
    path = _csv(place, "file", "a.png", "link.png")
    dataset = manifest(path)
    assert dataset.images["file"].tolist() == ["a.png"]
    assert "a link that leads out" in dataset.skipped["reason"].item()
    beside = f"../{other.name}/o.png"
    dataset = manifest(_csv(place, "file", "link.png", beside), outside=True)
    assert dataset.images["file"].tolist() == [beside, "link.png"]
    assert dataset.open(beside).size == (13, 9)


def test_pipes_and_devices_are_never_opened(place):
    os.mkfifo(place / "pipe.png")
    (place / "zero.png").symlink_to("/dev/zero")
    path = _csv(place, "file,mask:wing", "a.png,pipe.png", "pipe.png,", "b.png,zero.png")
    dataset = manifest(path, outside=True)
    assert dataset.images["file"].tolist() == ["a.png", "b.png"]
    assert dataset.skipped["reason"].tolist() == [
        "mask of a.png left out: it is a named pipe (FIFO), not a file",
        "row 3 lists it, but it is a named pipe (FIFO), not a file",
        "mask of b.png left out: it is a device, not a file",
    ]


def test_a_table_of_files_that_are_not_there_names_the_first(place):
    with pytest.raises(ValueError, match=r"lists no image .*first: x.png: row 2 lists it, but"):
        manifest(_csv(place, "file", "x.png", "y.png"))


def test_numbers_as_pandas_writes_them_are_labels(place):
    dataset = manifest(_csv(place, "file,concept:red", "a.png,1.0", "b.png,", "c.png,0.0"))
    assert dataset.image_labels["present"].tolist() == [True, False]
