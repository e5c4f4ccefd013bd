"""Every file that is not hidden is used, or left out with the reason."""

import os
import socket
from pathlib import Path

import pytest
from PIL import Image

from data.datasets import load, told
from data.datasets.folder import folder


def _put(root: Path, *files: str) -> Path:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (13, 9)).save(root / file, "PNG")
    return root


def _skipped(root: Path, **options: bool) -> dict[str, str]:
    skipped = folder(root, **options).skipped
    return dict(zip(skipped["file"], skipped["reason"], strict=True))


def test_files_are_used_by_what_they_hold_where_their_names_say_nothing(tmp_path):
    _put(
        tmp_path, "owl/a.jpg", "owl/b.jfif", "owl/c.ppm", "owl/no ending", "owl/d.dat", "owl/.e.png"
    )
    (tmp_path / "owl" / "movie.mp4").write_bytes(b"\0\0\0\x20ftypisom" + bytes(200))
    for name, text in (("notes", "no image"), ("cars", "BMW and others"), ("next", "P1 of two")):
        (tmp_path / "owl" / name).write_text(text)
    (tmp_path / "owl" / "z.png").write_bytes(b"")
    dataset = folder(tmp_path)
    used = ["owl/a.jpg", "owl/b.jfif", "owl/c.ppm", "owl/d.dat", "owl/no ending"]
    assert dataset.images["file"].tolist() == used
    assert _skipped(tmp_path) == {
        "owl/cars": "a file without an ending, and its content is no image",
        "owl/movie.mp4": "a .mp4 file, and its content is no image",
        "owl/next": "a file without an ending, and its content is no image",
        "owl/notes": "a file without an ending, and its content is no image",
        "owl/z.png": "the file is empty (0 bytes)",
    }


def test_what_is_no_file_is_called_what_it_is(tmp_path):
    _put(tmp_path, "owl/a.png")
    place = tmp_path / "owl"
    os.mkfifo(place / "pipe.jpg")
    (place / "gone.jpg").symlink_to(place / "nowhere.jpg")
    (place / "zero.jpg").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as end:
        end.bind(str(place / "s.jpg"))
    assert _skipped(tmp_path, outside=True) == {
        "owl/gone.jpg": "a link that leads nowhere",
        "owl/pipe.jpg": "it is a named pipe (FIFO), not a file",
        "owl/s.jpg": "it is a socket, not a file",
        "owl/zero.jpg": "it is a device, not a file",
    }


def test_folders_that_link_to_each_other_are_read_once(tmp_path):
    names = ("ant", "bee", "cat", "dog")
    _put(tmp_path, *(f"{name}/{i}.png" for name in names for i in range(2)))
    for name in names:
        for other in names:
            if name != other:
                (tmp_path / name / f"to {other}").symlink_to(tmp_path / other)
    (tmp_path / "ant" / "up").symlink_to(tmp_path)
    dataset = folder(tmp_path)
    assert len(dataset.images) == 8
    assert len(dataset.skipped) == 13
    assert set(dataset.skipped["reason"]) == {
        "a link to a folder that is read at its own place",
        "a link to a folder that it lies in",
    }


def test_links_lead_out_of_the_folder_with_leave_alone(tmp_path):
    _put(tmp_path / "other", "a.png", "deep/b.png")
    _put(tmp_path / "mine", "owl/x.png")
    (tmp_path / "mine/owl/one.png").symlink_to(tmp_path / "other/a.png")
    (tmp_path / "mine/owl/more").symlink_to(tmp_path / "other")
    (tmp_path / "mine/owl/most").symlink_to(tmp_path / "other")
    reasons = _skipped(tmp_path / "mine")
    assert list(reasons) == ["owl/more", "owl/most", "owl/one.png"]
    assert all("leads out of the folder; the option outside" in r for r in reasons.values())
    assert _skipped(tmp_path / "mine", outside=True) == {
        "owl/most": "a link to a folder that was read before"
    }
    dataset = load("folder", tmp_path / "mine", options={"outside": True})
    assert dataset.images["file"].tolist() == [
        "owl/more/a.png",
        "owl/more/deep/b.png",
        "owl/one.png",
        "owl/x.png",
    ]


def test_a_link_to_images_within_the_folder_is_used(tmp_path):
    _put(tmp_path, "owl/a.png")
    (tmp_path / "owl/again.png").symlink_to("a.png")
    assert folder(tmp_path).images["file"].tolist() == ["owl/a.png", "owl/again.png"]


def test_a_person_is_told_images_classes_splits_and_what_was_skipped(tmp_path):
    _put(tmp_path, "zoo/train/owl/a.png", "zoo/train/jay/b.png", "zoo/dev/owl/c.png")
    (tmp_path / "zoo/train/owl/notes.txt").write_text("no image")
    assert told(load("folder", tmp_path)) == (
        f"{tmp_path.name}: 3 images, 2 classes (owl 2, jay 1); splits: train 2, test 1\n"
        "  1 skipped, such as zoo/train/owl/notes.txt: a .txt file, and its content is no image\n"
        "  images were looked for in the folder zoo\n"
        "  there is no test split, so the images of 'dev' are held out as 'test'; nothing is "
        "chosen on them"
    )


def test_a_limit_that_leaves_nothing_to_fit_on_is_refused(tmp_path):
    _put(tmp_path, "train/owl/a.png", "test/ant/b.png")
    with pytest.raises(ValueError, match="no image of the split 'train' is left, only 1 of 'test'"):
        load("folder", tmp_path, limit=1)
