"""Which folders are splits and which are classes: recognised, or refused by name."""

from pathlib import Path

import pytest

from data.datasets.layout import sorted_out
from data.datasets.split import settled, split_named

ROOT = Path("birds")


def _found(*files: str, layout: str = "") -> dict[str, tuple[str | None, str | None]]:
    """File to label and split."""
    out = sorted_out([Path(file) for file in files], ROOT, layout=layout)
    return {one.file: (one.label, one.split) for one in out.found}


@pytest.mark.parametrize(
    "files",
    [
        {"train/cat/a": ("cat", "train"), "dev/cat/b": ("cat", "dev"), "test/c/d": ("c", "test")},
        {"Training/cat/a": ("cat", "Training"), "holdout/cat/b": ("cat", "holdout")},
        {"trn/a": (None, "trn"), "Test/b": (None, "Test")},
        # a folder around it all, as unzipping makes it
        {"zoo_v2/cat/a": ("cat", None), "zoo_v2/dog/b": ("dog", None)},
        {"zoo_v2/zoo/cat/a": ("cat", None), "zoo_v2/zoo/dog/b": ("dog", None)},
        {"zoo/train/cat/a": ("cat", "train"), "zoo/test/cat/b": ("cat", "test")},
        {"images/a": (None, None), "images/b": (None, None)},
        {"train/zoo/cat/a": ("cat", "train"), "test/zoo/dog/b": ("dog", "test")},
        {"train/images/a": (None, "train"), "test/images/b": (None, "test")},
        # a class alone is a class
        {"owl/a": ("owl", None), "owl/deep/b": ("owl", None)},
        {"owl/deep/deeper/a": ("owl", None)},
        # splits within classes
        {"cat/train/a": ("cat", "train"), "cat/val/b": ("cat", "val"), "dog/val/c": ("dog", "val")},
        # a word beside the split's
        {"zoo_train/cat/a": ("cat", "train"), "zoo_test/cat/b": ("cat", "test")},
        {"train_images/cat/a": ("cat", "train"), "val_images/cat/b": ("cat", "val")},
        {"train_station/a": ("train_station", None), "bus_stop/b": ("bus_stop", None)},
        # classes called as splits, within splits
        {"train/train/a": ("train", "train"), "test/train/b": ("train", "test")},
        {"train/train/a": ("train", "train"), "train/bus/b": ("bus", "train")},
        # a kind and a family of one name, with images of their own
        {
            "bison/bison/a": ("bison", None),
            "bison/bonasus/b": ("bison", None),
            "cow/x/c": ("cow", None),
        },
    ],
)
def test_layouts_are_recognised(files):
    assert _found(*files) == files


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (("train/c/a", "test/c/b", "extra/c/d"), r"splits \('test', 'train'\).*not \('extra'\)"),
        (("train/a", "plane/b"), r"splits \('train'\) and some have not \('plane'\).*layout = "),
        (("w/train/c/a", "w/w2/c/b"), r"birds/w: some folders .*\('train'\).*\('w2'\)"),
        (
            ("cat/a", "dog/b", "zoo/cat/a", "zoo/dog/b"),
            "folder zoo holds 'cat', 'dog'.*second copy",
        ),
        (("cat/a", "zoo/cat/a"), "folder zoo holds 'cat' .*second copy"),
        (("cat/a", "cat/b", "cat/cat/a", "dog/c"), "folder cat/?.* holds its own images once more"),
        (("train/cat/a", "train/train/cat/a", "test/cat/b"), "folder train/train holds 'cat'"),
        (("cat/train/a", "cat/test/b", "cat/truth/c"), r"splits \('test', 'train'\).*'truth'"),
        (("cat/train/a", "cat/test/b", "cat/c"), "images beside them"),
    ],
)
def test_what_is_not_clear_is_refused_with_the_odd_folder(files, message):
    with pytest.raises(ValueError, match=message):
        _found(*files)


def test_the_recipe_may_say_what_the_folders_are():
    files = ("train/a", "plane/b")
    assert _found(*files, layout="classes")["train/a"] == ("train", None)
    assert _found(*files, layout="splits") == {
        "train/a": (None, "train"),
        "plane/b": (None, "plane"),
    }
    with pytest.raises(ValueError, match="'classes', 'splits' or left out, not 'flat'"):
        _found(*files, layout="flat")


def test_folders_that_look_alike_are_one_class_and_said_to_be():
    out = sorted_out([Path("cat/a"), Path("cat /b"), Path("dog/c")], ROOT)
    assert out.remarks == ["the folders 'cat', 'cat ' are one class, 'cat'"]


@pytest.mark.parametrize(
    ("split", "words"),
    {
        "train": "train Train TRAIN training trn train2017 train_set",
        "val": "val valid Validation dev DEV development",
        "test": "test Testing tst holdout hold-out held_out heldout test-set",
        "shifted": "Shifted",
    }.items(),
)
def test_one_vocabulary_of_splits(split, words):
    assert {split_named(word) for word in words.split()} == {split}


@pytest.mark.parametrize("word", ["trainer", "station", "tests", "value", "2017", "fold1", ""])
def test_other_words_are_no_splits(word):
    assert split_named(word) is None


def test_the_validation_split_stands_in_for_a_test_split_and_that_is_said():
    splits = settled(["train", "Valid", "night"], "here")
    assert splits.of_image == ["train", "test", "night"]
    assert "no test split, so the images of 'Valid' are held out" in splits.remarks[0]
    assert settled(["train", "val", "test"], "here").of_image == ["train", "val", "test"]


def test_words_that_become_one_split_are_said():
    splits = settled(["train", "Train", "val", "dev", "test"], "here")
    assert splits.of_image == ["train", "train", "val", "val", "test"]
    assert splits.remarks == (
        "'train' and 'Train' are one split, 'train'",
        "'val' and 'dev' are one split, 'val'",
    )
