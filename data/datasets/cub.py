"""CUB-200-2011 (Wah et al. 2011, Caltech): birds with attributes and parts.

Reads the official folders, or a compact form with `images.csv`, `parts.csv`,
`class_attributes_percent.csv`, `attributes.txt` and no labels of single images.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from core.kinds import TEST, TRAIN
from data.datasets.cub_names import class_name, labelled_table, merged_parts
from data.datasets.limit import limited
from data.datasets.split import image_table, settled
from data.datasets.types import Dataset

NOT_VISIBLE = 1  # certainty of an attribute label; its 0 or 1 says nothing about the bird


def cub(root: str | Path, *, limit: int = 0) -> Dataset:
    """All attributes become labelled concepts, all points `parts` (left and right sides merged).

    Labels of single images whose annotator could not see the part are unknown, not absent.
    Raises ValueError, naming the file, when the folder has neither layout or a table is damaged.
    """
    root = Path(root)
    for place in (root, root / "CUB_200_2011"):
        if (place / "images.txt").is_file():
            return limited(_official(place), limit)
        if (place / "images.csv").is_file():
            return limited(_compact(place), limit)
    raise ValueError(
        f"{root} is not CUB-200-2011: it has neither images.txt (official layout) nor images.csv "
        "(compact layout); give the folder that holds one of them"
    )


def _official(root: Path) -> Dataset:
    listed = _words(root / "images.txt", "number", "file")
    for name, column in (("image_class_labels", "class_id"), ("train_test_split", "training")):
        table = _words(root / f"{name}.txt", "number", column)
        listed = listed.merge(table.astype("int64"), on="number", validate="one_to_one")
    classes = _words(root / "classes.txt", "class_id", "class_name").set_index("class_id")
    listed["file"] = "images/" + listed["file"]
    listed["class_name"] = listed["class_id"].map(classes["class_name"])
    odd = listed.loc[~listed["training"].isin([0, 1]), "training"]
    if len(odd):
        raise ValueError(
            f"{root / 'train_test_split.txt'}: {odd.iloc[0]} is neither 1 (train) nor 0 (test)"
        )
    listed["split"] = listed["training"].map({1: TRAIN, 0: TEST})
    images, skipped, number = _images(root, listed)

    part_names = _lines(root / "parts" / "parts.txt")
    points = _words(root / "parts" / "part_locs.txt", "number", "part_id", "x", "y", "visible")
    points["part"] = points["part_id"].map(dict(enumerate(part_names, start=1)))

    attributes = root / "attributes"
    names = _lines(
        _first(
            root / "attributes.txt", attributes / "attributes.txt", root.parent / "attributes.txt"
        )
    )
    percent = _words(
        attributes / "class_attribute_labels_continuous.txt", *(str(i) for i in range(len(names)))
    ).astype(float)
    return Dataset(
        name="CUB-200-2011",
        root=root,
        images=images,
        skipped=skipped,
        labelled=labelled_table(names),
        image_labels=_image_labels(attributes / "image_attribute_labels.txt", number),
        class_labels=_class_labels(classes["class_name"].tolist(), percent, images),
        parts=_parts(points, number),
    )


def _compact(root: Path) -> Dataset:
    listed = _csv(root / "images.csv", "image_id", "file", "class_name", "split")
    splits = settled(
        listed["split"].astype(str).tolist(), f"{root / 'images.csv'}, column 'split',"
    )
    listed["split"] = splits.of_image
    images, skipped, number = _images(root, listed.rename(columns={"image_id": "number"}))
    points = _csv(root / "parts.csv", "image_id", "part", "x", "y", "visible")
    names = _lines(_first(root / "attributes.txt"))
    percent = _csv(root / "class_attributes_percent.csv", "class_name", *names)
    return Dataset(
        name="CUB-200-2011",
        root=root,
        images=images,
        skipped=skipped,
        labelled=labelled_table(names),
        class_labels=_class_labels(percent["class_name"].tolist(), percent[names], images),
        parts=_parts(points.rename(columns={"image_id": "number"}), number),
        remarks=splits.remarks,
    )


def _images(root: Path, listed: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, dict[int, int]]:
    """`images`, `skipped`, and CUB's image number -> image_id."""
    there = [(root / file).is_file() for file in listed["file"]]
    kept = listed[there]
    if kept.empty:
        raise ValueError(f"{root}: none of the {len(listed)} listed images is there")
    labels = [class_name(raw) for raw in kept["class_name"]]
    images = image_table(kept["file"].tolist(), labels, kept["split"].tolist())
    by_file = dict(zip(images["file"], images["image_id"], strict=True))
    number = {int(n): int(by_file[f]) for n, f in zip(kept["number"], kept["file"], strict=True)}
    missing = listed["file"][[not is_there for is_there in there]].tolist()
    reason = ["listed, but there is no such file"] * len(missing)
    skipped = pd.DataFrame({"file": missing, "reason": reason}, dtype=object)
    return images, skipped, number


def _parts(points: pd.DataFrame, number: dict[int, int]) -> pd.DataFrame:
    points = points[points["number"].isin(list(number))]
    points = points.assign(image_id=points["number"].map(number).astype("int64"))
    return merged_parts(points)


def _class_labels(raw: list[str], percent: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """`Dataset.class_labels` of the classes that have images; percent: one row a class."""
    values = percent.to_numpy(dtype=float)
    if len(raw) != len(values):
        raise ValueError(f"attributes of {len(values)} classes, but names of {len(raw)} classes")
    if not ((values >= 0) & (values <= 100)).all():
        raise ValueError("class attributes must be percentages from 0 to 100")
    table = pd.DataFrame(
        {
            "label": np.repeat([class_name(name) for name in raw], values.shape[1]),
            "labelled_id": np.tile(np.arange(values.shape[1]), len(raw)),
            "fraction": values.ravel() / 100,
        }
    )
    return table[table["label"].isin(set(images["label"]))].reset_index(drop=True)


def _image_labels(path: Path, number: dict[int, int]) -> pd.DataFrame:
    """Empty when the file is not there. Some of its lines have extra words at the end."""
    columns = ["number", "attribute", "present", "certainty"]
    if not path.is_file():
        return pd.DataFrame({"image_id": [], "labelled_id": [], "present": []})
    with path.open() as lines:
        widest = max((len(line.split()) for line in lines), default=0)
    if widest < len(columns):
        raise ValueError(f"{path} has {widest} columns; at least {len(columns)} were expected")
    spare = [f"spare{i}" for i in range(widest - len(columns))]
    table = pd.read_csv(
        path,
        sep=r"\s+",
        header=None,
        names=columns + spare,
        usecols=columns,
        dtype=dict.fromkeys(columns, "int32"),
    )
    table = table[(table["certainty"] != NOT_VISIBLE) & table["number"].isin(list(number))]
    return pd.DataFrame(
        {
            "image_id": table["number"].map(number).astype("int64"),
            "labelled_id": table["attribute"].astype("int64") - 1,
            "present": table["present"] == 1,
        }
    ).reset_index(drop=True)


def _words(path: Path, *columns: str) -> pd.DataFrame:
    """A table of words separated by blanks, without a header."""
    if not path.is_file():
        raise ValueError(f"{path} is missing; the official CUB-200-2011 layout has it")
    table = pd.read_csv(path, sep=r"\s+", header=None)
    if table.shape[1] != len(columns):
        raise ValueError(f"{path} has {table.shape[1]} columns; {len(columns)} were expected")
    return table.set_axis(list(columns), axis=1)


def _csv(path: Path, *columns: str) -> pd.DataFrame:
    if not path.is_file():
        raise ValueError(f"{path} is missing; the compact CUB-200-2011 layout has it")
    table = pd.read_csv(path)
    absent = [column for column in columns if column not in table.columns]
    if absent:
        raise ValueError(f"{path} lacks {len(absent)} columns, {absent[0]!r} among them")
    return table


def _first(*paths: Path) -> Path:
    for path in paths:
        if path.is_file():
            return path
    raise ValueError(f"none of {', '.join(str(path) for path in paths)} exists; one is needed")


def _lines(path: Path) -> list[str]:
    """One name a line; a number before it is dropped."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip().lstrip("0123456789").strip() for line in lines if line.strip()]
