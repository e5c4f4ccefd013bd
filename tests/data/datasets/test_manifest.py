"""A CSV manifest: every kind of column, and every way it can be wrong."""

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
    assert "does not exist" in reasons["none.png"]
    assert len(dataset.skipped) == 5


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["file,concept:red", "a.png,1", "b.png,yes"], "row 3, column 'concept:red': 'yes'"),
        (["file,part:beak", "a.png,7"], "row 2, column 'part:beak': '7'"),
        (["file,part:beak", "a.png,7 nan"], "row 2, column 'part:beak'"),
        (["name", "a.png"], "no column `file`"),
        (["file,colour", "a.png,1"], "column 'colour' is not known"),
        (["file,concept:", "a.png,1"], "column 'concept:' is not known"),
        (["file,label,label", "a.png,1,2"], "'label' appears twice"),
        (["file,label", "a.png,x,y"], "row 2: 3 values for 2 columns"),
        (["file,label", ",x"], "row 2, column 'file': it is empty"),
        (["file", "/a.png"], "must be relative"),
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
