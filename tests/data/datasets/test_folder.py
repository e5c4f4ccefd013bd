"""Folders of images: classes, splits and what is passed over; and choosing a reader."""

import os
from pathlib import Path

import pytest
from PIL import Image

from data.datasets import READERS, load
from data.datasets.folder import folder


def _put(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (13, 9)).save(root / file, "PNG")
    return root


def _splits(root: Path) -> dict[str, str]:
    images = folder(root).images
    return dict(zip(images["file"], images["split"], strict=True))


def test_sub_folders_are_classes_and_may_be_nested(tmp_path):
    _put(tmp_path, "owl/a.jpg", "owl/deep/er/b.PNG", "jay/c.jpeg", "jay/d.webp")
    images = folder(tmp_path).images
    assert images["image_id"].tolist() == [0, 1, 2, 3]
    assert images["file"].tolist() == ["jay/c.jpeg", "jay/d.webp", "owl/a.jpg", "owl/deep/er/b.PNG"]
    assert images["label"].tolist() == ["jay", "jay", "owl", "owl"]


def test_a_flat_folder_has_no_classes(tmp_path):
    dataset = folder(_put(tmp_path, *(f"{i}.bmp" for i in range(40))))
    assert dataset.images["label"].isna().all()
    assert 2 <= (dataset.images["split"] == "test").sum() <= 16


def test_other_files_hidden_files_and_loops_are_passed_over(tmp_path):
    _put(tmp_path, "owl/a.gif", "owl/.hidden.png", ".git/b.png", "__MACOSX/owl/a.png")
    (tmp_path / "owl" / "notes.txt").write_text("no image")
    (tmp_path / "owl" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "owl" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    dataset = folder(tmp_path)
    assert dataset.images["file"].tolist() == ["owl/a.gif"]
    assert dataset.skipped["file"].tolist() == [
        "__MACOSX",
        "owl/gone.png",
        "owl/loop",
        "owl/notes.txt",
    ]


def test_images_beside_the_class_folders_are_left_out_and_reported(tmp_path):
    dataset = folder(_put(tmp_path, "owl/a.png", "jay/b.png", "loose.png"))
    assert dataset.images["file"].tolist() == ["jay/b.png", "owl/a.png"]
    assert dataset.skipped["file"].tolist() == ["loose.png"]


def test_folders_named_as_splits_are_splits(tmp_path):
    _put(tmp_path, "train/owl/a.png", "Test/owl/b.png", "val/jay/c.png", "shifted/jay/d.png")
    images = folder(tmp_path).images.set_index("file")
    assert images["split"].to_dict() == {
        "Test/owl/b.png": "test",
        "shifted/jay/d.png": "shifted",
        "train/owl/a.png": "train",
        "val/jay/c.png": "val",
    }
    assert images["label"].tolist() == ["owl", "jay", "owl", "jay"]


def test_without_a_test_folder_the_validation_images_are_the_test(tmp_path):
    _put(tmp_path, "train/owl/a.png", "valid/owl/b.png")
    assert _splits(tmp_path) == {"train/owl/a.png": "train", "valid/owl/b.png": "test"}


def test_split_folders_may_be_flat(tmp_path):
    images = folder(_put(tmp_path, "train/a.png", "test/b.png")).images
    assert images["split"].tolist() == ["test", "train"]
    assert images["label"].isna().all()


def test_a_class_called_train_beside_others_is_a_class_where_the_recipe_says_so(tmp_path):
    _put(tmp_path, "train/a.png", "plane/b.png")
    images = load("folder", tmp_path, options={"layout": "classes"}).images
    assert images["label"].tolist() == ["plane", "train"]


def test_one_image_in_five_is_a_test_image_in_every_class(tmp_path):
    _put(tmp_path, *(f"{c}/{i}.png" for c in ("owl", "jay") for i in range(150)))
    images = folder(tmp_path).images
    shares = (images["split"] == "test").groupby(images["label"]).mean()
    assert shares.between(0.12, 0.28).all()


def test_adding_an_image_moves_no_other(tmp_path):
    before = _splits(_put(tmp_path, *(f"owl/{i}.png" for i in range(30))))
    after = _splits(_put(tmp_path, "owl/new.png", "jay/first.png"))
    assert {file: after[file] for file in before} == before


def test_a_class_with_one_image_is_trained_on(tmp_path):
    _put(tmp_path, *(f"c{i:02d}/a.png" for i in range(30)), "pair/a.png", "pair/b.png")
    lone = [split for file, split in _splits(tmp_path).items() if not file.startswith("pair")]
    assert set(lone) == {"train"}


def test_classes_of_one_image_each_are_split_as_if_unlabelled(tmp_path):
    """No class can be learned, but what is found can be judged on images held out."""
    _put(tmp_path, *(f"c{i:02d}/a.png" for i in range(60)))
    splits = list(_splits(tmp_path).values())
    assert 4 <= splits.count("test") <= 24


def test_a_class_of_two_has_an_image_to_test_on(tmp_path):
    splits = _splits(_put(tmp_path, "owl/a.png", "owl/b.png"))
    assert sorted(splits.values()) == ["test", "train"]


def test_odd_names_pass_through_unchanged(tmp_path):
    label = "<b>小鳥 & co<b>"
    long = "x" * 150
    images = folder(_put(tmp_path, f"{label}/{long}/{long}.png")).images
    assert images["label"].tolist() == [label]
    assert images["file"].tolist() == [f"{label}/{long}/{long}.png"]


def test_classes_are_stripped_and_their_accents_composed(tmp_path):
    _put(tmp_path, "cat/a.png", "cat /b.png", "B\u00e4r/c.png", "Ba\u0308r/d.png")
    dataset = folder(tmp_path)
    assert sorted(dataset.images["label"]) == ["B\u00e4r", "B\u00e4r", "cat", "cat"]
    assert len(dataset.remarks) == 2


def test_a_limit_keeps_an_image_to_fit_on(tmp_path):
    _put(tmp_path, "test/owl/a.png", "train/owl/b.png")
    assert load("folder", tmp_path, limit=1).images["split"].tolist() == ["train"]


def test_names_that_are_not_text_are_reported(tmp_path):
    _put(tmp_path, "owl/a.png")
    os.rename(tmp_path / "owl/a.png", os.fsencode(tmp_path) + b"/owl/\xff.png")  # noqa: PTH104
    _put(tmp_path, "owl/b.png")
    dataset = folder(tmp_path)
    assert dataset.images["file"].tolist() == ["owl/b.png"]
    assert dataset.skipped["file"].tolist() == ["owl/?.png"]


@pytest.mark.parametrize("reader", ["folder", "manifest", "cub"])
def test_what_is_not_there_is_refused(tmp_path, reader):
    with pytest.raises(ValueError, match="nowhere"):
        load(reader, tmp_path / "nowhere")


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no image"):
        folder(tmp_path)
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(ValueError, match="is a file"):
        folder(tmp_path / "a.txt")


def test_a_limit_is_spread_over_classes_and_splits(tmp_path):
    _put(
        tmp_path, *(f"{s}/{c}/{i}.png" for s in ("train", "test") for c in "abc" for i in range(9))
    )
    images = load("folder", tmp_path, limit=12).images
    assert images.groupby(["split", "label"]).size().tolist() == [2] * 6
    assert images["image_id"].tolist() == list(range(12))
    assert images.equals(load("folder", tmp_path, limit=12).images)
    assert len(load("folder", tmp_path, limit=7).images) == 7
    assert len(load("folder", tmp_path, limit=999).images) == 54
    with pytest.raises(ValueError, match="limit is -1"):
        load("folder", tmp_path, limit=-1)


def test_unknown_readers_and_options_are_refused_with_the_known_ones(tmp_path):
    with pytest.raises(ValueError, match="'csv'; known are aviary, cub, folder, huggingface"):
        load("csv", tmp_path)
    with pytest.raises(ValueError, match="no option 'colour'; known are n_train, n_test"):
        load("aviary", tmp_path, options={"colour": 1})
    with pytest.raises(ValueError, match="no option 'limit'; it has none"):
        load("cub", tmp_path, options={"limit": 1})
    assert list(READERS) == ["aviary", "cub", "folder", "huggingface", "manifest", "webdataset"]
