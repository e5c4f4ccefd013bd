"""A folder of images: one sub-folder a class, or no sub-folders and no classes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from core.kinds import TRAIN
from data.datasets.layout import sorted_out
from data.datasets.limit import limited
from data.datasets.split import Splits, hashed_splits, image_table, settled
from data.datasets.types import Dataset
from data.datasets.walk import walk
from data.images import SUFFIXES


def folder(root: str | Path, *, limit: int = 0, layout: str = "", outside: bool = False) -> Dataset:
    """Images below `root`, in any of these layouts:

    * `root/<class>/…/image.jpg`, split 80/20 into train and test by a hash of the file's name;
    * `root/image.jpg`, without classes, split the same way;
    * `root/train/<class>/…/image.jpg` and `root/<class>/train/…/image.jpg`, the former also without
      classes, if every folder there is called as a split is: train (training, trn), val (valid,
      validation, dev), test (testing, holdout) or shifted. Without a test folder val is the test
      split; a train folder alone is split 80/20.

    Folders around all of it, as unzipping makes them, are passed through. Where only some folders
    are called as splits are, `layout` has to say that all of the first level are "classes" or that
    all are "splits". `outside` lets links lead out of `root`. Hidden files are passed over; every
    other file is used, or in `skipped` with its reason. Raises ValueError when there is no folder
    or no image in it, and where it is not clear what its folders are.
    """
    root = Path(root)
    if not root.exists():
        raise ValueError(f"{root} does not exist; give a folder that holds images")
    if not root.is_dir():
        raise ValueError(f"{root} is a file; give a folder that holds images")
    there = walk(root, outside=outside)
    if not there.files:
        reasons = "".join(f"; {file}: {reason}" for file, reason in there.skipped[:3])
        raise ValueError(
            f"{root} holds no image; files ending in {', '.join(sorted(SUFFIXES))} count, directly "
            f"in the folder or in one sub-folder a class{reasons}"
        )
    found, loose, remarks = sorted_out(there.files, root, layout=layout)
    names = [one.file for one in found]
    labels = [one.label for one in found]
    words = [one.split or "" for one in found]
    splits = settled(words, str(root)) if any(words) else Splits([TRAIN] * len(names), ())
    of_image = splits.of_image
    dataset = Dataset(
        name=root.resolve().name,
        root=root,
        images=image_table(
            names, labels, hashed_splits(names, labels) if set(of_image) == {TRAIN} else of_image
        ),
        skipped=pd.DataFrame([*there.skipped, *loose], columns=["file", "reason"], dtype=object),
        remarks=(*remarks, *splits.remarks),
    )
    return limited(dataset, limit)
