"""Data sets of the library `datasets`: columns, splits and bytes, and what is refused in words."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from data.datasets import load
from data.datasets.types import Dataset


@pytest.fixture(scope="module")
def library() -> Any:
    found = pytest.importorskip("datasets", reason="needs the package datasets")
    found.disable_progress_bars()
    return found


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Dataset]:
    def reads(path: str | Path, *, limit: int = 0, **options: Any) -> Dataset:
        return load("huggingface", path, limit=limit, options=options, work=tmp_path / "work")

    return reads


def picture(shade: int = 0, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (12, 10), (shade, 90, 40)).save(out, kind)
    return out.getvalue()


def rows(library: Any, shades: range, **columns: Any) -> Any:
    """Images with a class, and further columns."""
    features = library.Features(
        {
            "image": library.Image(),
            "label": library.ClassLabel(names=["finch", "heron"]),
            "n": library.Value("int64"),
        }
    )
    content = {
        "image": [{"bytes": picture(i), "path": None} for i in shades],
        "label": [i % 2 for i in shades],
        "n": list(shades),
    }
    return library.Dataset.from_dict(content | columns, features=features)


def test_a_saved_folder_becomes_images_with_their_bytes_classes_and_splits(
    library: Any, tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    labels = [0, 1, 0, -1]
    parts = {
        "train": rows(library, range(4), label=labels).with_format("numpy"),
        "validation": rows(library, range(4, 6)),
        "test": rows(library, range(6, 8)).select([1]),
    }
    library.DatasetDict(parts).save_to_disk(tmp_path / "birds")

    dataset = read(tmp_path / "birds")

    images = dataset.images.set_index("file")
    assert dataset.name == "birds"
    assert images["split"].value_counts().to_dict() == {"train": 4, "val": 2, "test": 1}
    assert images.loc["train/0000001.png", "label"] == "heron"
    assert pd.isna(images.loc["train/0000003.png", "label"])
    assert [dataset.path(file).read_bytes() for file in images.index] == [
        picture(i) for i in (7, 0, 1, 2, 3, 4, 5)
    ]
    assert dataset.open("test/0000000.png").size == (12, 10)


def test_one_part_is_split_and_a_limit_writes_no_more(
    library: Any, tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    rows(library, range(10)).save_to_disk(tmp_path / "birds")

    images = read(tmp_path / "birds", limit=4).images

    assert set(images["split"]) == {"train", "test"}
    assert set(images["label"]) == {"finch", "heron"}
    assert len(images) == 4
    assert len(list((tmp_path / "work").rglob("*.png"))) == 4


def test_a_folder_of_parquet_is_read_whole_or_streamed(
    library: Any, tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    place = tmp_path / "birds" / "data"
    place.mkdir(parents=True)
    rows(library, range(6)).to_parquet(place / "train-00000-of-00001.parquet")
    rows(library, range(6, 9)).to_parquet(place / "test-00000-of-00001.parquet")

    whole = read(tmp_path / "birds")
    streamed = read(tmp_path / "birds", limit=4, stream=True)

    assert whole.images["split"].value_counts().to_dict() == {"train": 6, "test": 3}
    assert streamed.images["file"].tolist() == [
        f"{split}/000000{i}.png" for split in ("test", "train") for i in (0, 1)
    ]
    assert "the first 2 images of each split" in streamed.remarks[0]
    assert streamed.images["label"].tolist() == ["finch", "heron"] * 2
    assert [p.name for p in (tmp_path / "work").glob("[!.]*")] == [whole.root.name]
    with pytest.raises(ValueError, match="say how many with limit"):
        read(tmp_path / "birds", stream=True)


def test_columns_are_found_by_type_or_named(
    library: Any, tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    file = tmp_path / "plain.parquet"
    content = [picture(i, "WEBP") for i in range(4)]
    pq.write_table(
        pa.table({"photo": content, "kind": ["a", "b", " a", None], "x": [0.5] * 4}), file
    )
    two = rows(library, range(4))
    two = two.add_column("other", two["label"][:], feature=two.features["label"])
    two.save_to_disk(tmp_path / "two")

    named = read(file, image="photo", label="kind")
    assert [named.path(f).read_bytes() for f in named.images["file"]] == content
    assert named.images["label"].tolist() == ["a", "b", "a", None]
    assert named.images["file"][0] == "train/0000000.webp"
    assert "no image has a class; the option label" in read(file, image="photo").remarks[0]
    assert set(read(tmp_path / "two", label="other").images["label"]) == {"finch", "heron"}
    assert read(tmp_path / "two", label="n").images["label"].tolist() == list("0123")
    columns = "its columns are photo (binary), kind (string), x (float64)"
    for path, options, said in (
        (file, {}, f"no column of the type Image; name one with the option image; {columns}"),
        (file, {"image": "x"}, f"the column 'x' holds no images; {columns}"),
        (
            file,
            {"image": "photo", "label": "x"},
            f"no class, text, whole number, yes and no or list of these; {columns}",
        ),
        (file, {"image": "no"}, f"has no column 'no' (image); {columns}"),
        (
            tmp_path / "two",
            {},
            "several columns of the type ClassLabel; name one with the option label; its columns "
            "are image (Image), label (ClassLabel), n (int64), other (ClassLabel)",
        ),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            read(path, **options)


def test_a_file_that_is_here_is_opened_without_the_network(
    library: Any, tmp_path: Path, read: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(library.config, "HF_UPDATE_DOWNLOAD_COUNTS", True)
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(library.load, "get_session", lambda: asked.append("a session"))
    rows(library, range(3)).to_parquet(tmp_path / "birds.parquet")

    assert len(read(tmp_path / "birds.parquet").images) == 3
    assert asked == []


@pytest.mark.usefixtures("library")
def test_paths_are_followed_within_the_folder_alone(
    tmp_path: Path, read: Callable[..., Dataset]
) -> None:
    place = tmp_path / "birds"
    place.mkdir()
    (place / "in.png").write_bytes(picture(1))
    (tmp_path / "out.png").write_bytes(picture(2))
    values = [
        {"bytes": None, "path": "in.png"},
        {"bytes": None, "path": str(tmp_path / "out.png")},
        {"bytes": None, "path": "../out.png"},
        {"bytes": None, "path": "gone.png"},
        {"bytes": None, "path": "hf://datasets/a/b/c.png"},
        None,
        {"bytes": b"no image", "path": "x.png"},
    ]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    pq.write_table(pa.table({"image": pa.array(values, kind)}), place / "train.parquet")

    dataset = read(place)

    assert dataset.images["file"].tolist() == ["train/0000000.png", "train/0000006"]
    assert dataset.path("train/0000000.png") == place / "in.png"
    assert dict(dataset.skipped.itertuples(index=False)) == {
        "train/0000001": "the row holds a path that leads out of the data set's folder",
        "train/0000002": "the row holds a path that leads out of the data set's folder",
        "train/0000003": "the row holds the path of a file that is not there",
        "train/0000004": "the row holds an address in place of the image; leave out stream",
        "train/0000005": "the row has no image",
    }


def test_what_cannot_be_opened_is_told(
    library: Any, tmp_path: Path, read: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(library.config, "HF_HUB_OFFLINE", True)
    library.DatasetDict({"fold1": rows(library, range(2))}).save_to_disk(tmp_path / "folds")

    for path, said in (
        ("no such/place/at all", "does not exist, and it is no name on the hub"),
        (tmp_path / "empty", "could not be opened by datasets"),
        ("owner/name", "owner/name is no file or folder here, and could not be opened by datasets"),
        (tmp_path / "folds", "has numbers for splits: 'fold1' (2)"),
    ):
        with pytest.raises(ValueError, match=re.escape(said)):
            read(path)
    monkeypatch.setattr(library, "__version__", "2.14.0")
    with pytest.raises(ValueError, match="needs the package datasets 4 or newer"):
        read(tmp_path / "folds")


def test_a_missing_package_is_named(
    read: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)

    with pytest.raises(
        ValueError, match="package datasets, which is missing: pip install datasets"
    ):
        read("owner/name")
