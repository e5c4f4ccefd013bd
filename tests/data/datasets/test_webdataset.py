"""Shards of WebDataset: samples, classes, splits, and what is refused in words."""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from data.datasets import load
from data.datasets.types import Dataset

Parts = Mapping[str, bytes]


def picture(shade: int = 0, kind: str = "JPEG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (12, 10), (shade, 90, 40)).save(out, kind)
    return out.getvalue()


def shard(path: Path, members: Parts) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def samples(first: int, n: int, **extra: Callable[[int], bytes]) -> dict[str, bytes]:
    return {
        f"{i:04d}.{kind}": make(i)
        for i in range(first, first + n)
        for kind, make in {"jpg": picture, **extra}.items()
    }


def cls(i: int) -> bytes:
    return str(i % 2).encode()


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Dataset]:
    def reads(pattern: str, *, limit: int = 0, **options: Any) -> Dataset:
        place = tmp_path / pattern
        return load("webdataset", place, limit=limit, options=options, work=tmp_path / "work")

    return reads


def test_samples_become_images_with_their_bytes_classes_and_splits(
    tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    shard(tmp_path / "in" / "birds-train-0.tar", samples(0, 3, cls=cls))
    shard(tmp_path / "in" / "birds-train-1.tar", samples(3, 2, cls=cls))
    shard(tmp_path / "in" / "birds-validation-0.tar", samples(5, 2, cls=cls))
    (tmp_path / "names.txt").write_text("finch\n heron \n")

    dataset = read("in/birds-{train,validation}-*.tar", names=str(tmp_path / "names.txt"))

    images = dataset.images
    assert images["label"].tolist() == [
        "finch",
        "heron",
        "finch",
        "heron",
        "finch",
        "heron",
        "finch",
    ]
    assert images["split"].tolist() == ["train"] * 5 + ["test"] * 2
    assert "no test split" in dataset.remarks[0]
    assert [dataset.path(file).read_bytes() for file in images["file"]] == [
        picture(i) for i in range(7)
    ]
    assert dataset.open(images["file"][0]).size == (12, 10)
    assert images["file"][0] == "birds-train-0/0000000-0000.jpeg"


def test_what_is_written_stays_if_it_is_the_same_and_a_limit_writes_no_more(
    tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    shard(tmp_path / "a.tar", samples(0, 8, cls=cls))

    few = read("a.tar", limit=4)
    paths = [few.path(file) for file in few.images["file"]]
    before = [path.stat().st_mtime_ns for path in paths]
    again = read("a.tar", limit=4)

    assert len(list((tmp_path / "work").rglob("*.jpeg"))) == 4 == len(paths)
    assert set(few.images["label"]) == {"0", "1"}
    assert set(few.images["split"]) == {"train", "test"}
    assert again.images.equals(few.images)
    assert [path.stat().st_mtime_ns for path in paths] == before
    shard(tmp_path / "a.tar", samples(100, 8, cls=cls))
    other = read("a.tar", limit=4)
    first = other.path(other.images["file"][0])
    first.write_bytes(b"x" * first.stat().st_size)
    other = read("a.tar", limit=4)
    assert other.path(other.images["file"][0]).read_bytes() == picture(100)


def test_folders_name_splits_and_two_shards_of_one_name_do_not_mix(
    tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    shard(tmp_path / "in" / "train" / "0.tar", samples(0, 2, cls=cls))
    shard(tmp_path / "in" / "test" / "0.tar", samples(2, 2, cls=cls))

    images = read("in").images

    assert images["split"].tolist() == ["test", "test", "train", "train"]


def test_labels_are_named(tmp_path: Path, read: Callable[..., Dataset]) -> None:
    def facts(i: int) -> bytes:
        return json.dumps({"bird": {"species": ["finch", "heron", None][i % 3]}, "n": i}).encode()

    shard(
        tmp_path / "a.tar", samples(0, 3, txt=lambda _: " A caf\u0065\u0301 ".encode(), json=facts)
    )

    assert read("a.tar").images["label"].isna().all()
    assert "the option label names one; its kinds are jpg, json, txt" in read("a.tar").remarks[0]
    assert set(read("a.tar", label="txt").images["label"]) == {"A caf\u00e9"}
    assert read("a.tar", label="json.bird.species").images["label"].tolist() == [
        "finch",
        "heron",
        None,
    ]
    assert read("a.tar", label="json.n").images["label"].tolist() == ["0", "1", "2"]


def test_what_cannot_be_used_is_skipped_with_its_reason(
    tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    path = shard(
        tmp_path / "a.tar",
        {
            **samples(0, 2, cls=cls),
            "lone.cls": b"1",
            "README": b"x",
            ".hid.jpg": b"",
            "../../x.jpg": picture(),
        },
    )
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("9.jpg")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(link)
        twice = tarfile.TarInfo("0000.jpg")
        tar.addfile(twice)

    dataset = read("a.tar")

    assert dict(dataset.skipped.itertuples(index=False)) == {
        "a.tar/README": "its name has no ending, so its kind is not known",
        "a.tar/9.jpg": "it is a link or a device, not a file",
        "a.tar/0000.jpg": "it is there twice; the first counts",
        "a.tar/lone": "no image is among its parts (cls)",
    }
    written = [p for p in tmp_path.rglob("[!.]*") if p.is_file() and p != path]
    assert len(written) == 3
    assert all(p.is_relative_to(dataset.root) for p in written)
    assert dataset.path("a/0000000-0000.jpeg").read_bytes() == picture()


def test_what_is_not_clear_is_refused(tmp_path: Path, read: Callable[..., Dataset]) -> None:
    shard(tmp_path / "two.tar", samples(0, 2, **{"mask.png": lambda i: picture(i, "PNG")}))
    shard(tmp_path / "odd" / "train.tar", samples(0, 2))
    shard(tmp_path / "odd" / "more.tar", samples(0, 2))
    (tmp_path / "cut.tar").write_bytes((tmp_path / "two.tar").read_bytes()[:1800])
    with tarfile.open(tmp_path / "small.tar.gz", "w:gz"):
        pass

    for pattern, options, said in (
        ("two.tar", {}, "0000 has several images (jpg, mask.png); name one with the option image"),
        ("two.tar", {"image": "webp"}, "no member 'webp'; its kinds are jpg, mask.png"),
        (
            "two.tar",
            {"image": "jpg", "label": "cls"},
            "no label 'cls'; its kinds are jpg, mask.png",
        ),
        ("odd", {}, "more.tar is named for no split, but other shards are"),
        ("odd/train-{0..2}.tar", {}, "train-0.tar and 2 more"),
        ("odd/{5..1}.tar", {}, "{5..1} is no range"),
        ("cut.tar", {}, "compressed or damaged"),
        ("small.tar.gz", {}, "compressed shards have to be unpacked first"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            read(pattern, **options)
    assert len(read("two.tar", image="mask.png").images) == 2


def test_a_class_that_cannot_be_read_names_its_member(
    tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    shard(
        tmp_path / "a.tar", samples(0, 2, cls=lambda _: b"\xff\xfe", json=lambda _: b'{"a": [1]}')
    )
    shard(tmp_path / "b.tar", samples(0, 2, cls=lambda _: b"7"))
    shard(tmp_path / "c.tar", samples(0, 2, json=lambda _: b'{"a": {}}'))
    (tmp_path / "names.txt").write_text("finch\n")

    for pattern, options, said in (
        ("a.tar", {}, "a.tar/0000.cls cannot be read as a class"),
        ("a.tar", {"label": "json.b"}, "a.tar/0000.json has no b; it has a"),
        ("a.tar", {"label": "json.a"}, "[1] is no list of texts; numbers need the option names"),
        ("c.tar", {"label": "json.a"}, "a is {}, which is no text, whole number or list"),
        ("b.tar", {"names": str(tmp_path / "names.txt")}, "class '7' is none of the 1 named"),
        ("b.tar", {"names": str(tmp_path / "no.txt")}, "no.txt is not a file"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            read(pattern, **options)
