"""Train and test for data that come without: by file name, so a new image moves no other."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence

import pandas as pd

from core.kinds import TEST, TRAIN

TEST_SHARE = 0.2


def _place(file: str) -> float:
    """0..1, the same for the same name on every machine."""
    return int.from_bytes(hashlib.sha256(file.encode()).digest()[:8], "big") / 2**64


def hashed_splits(files: Sequence[str], labels: Sequence[str | None]) -> list[str]:
    """ "test" for the 20 % of names whose hash is below 0.2, "train" for the others.

    Every class keeps at least one training image, and some image is a test image as soon as a
    class has two; only an image that was moved for these reasons can move again. Where no class
    has two there is nothing to learn of any, so the images are split as if they had no labels.
    """
    if len(set(labels)) == len(labels):
        labels = [None] * len(files)
    splits = [TEST if _place(file) < TEST_SHARE else TRAIN for file in files]
    classes: defaultdict[str | None, list[int]] = defaultdict(list)
    for i, label in enumerate(labels):
        classes[label].append(i)
    for members in classes.values():
        if all(splits[i] == TEST for i in members):
            splits[max(members, key=lambda i: _place(files[i]))] = TRAIN
    spare = [i for members in classes.values() if len(members) > 1 for i in members]
    if spare and TEST not in splits:
        splits[min(spare, key=lambda i: _place(files[i]))] = TEST
    return splits


def image_table(
    files: Sequence[str], labels: Sequence[str | None], splits: Sequence[str]
) -> pd.DataFrame:
    """`Dataset.images`, in order of file."""
    table = pd.DataFrame(
        {
            "file": pd.Series(list(files), dtype=object),
            "label": pd.Series(list(labels), dtype=object),
            "split": pd.Series(list(splits), dtype=object),
        }
    )
    table = table.sort_values("file", kind="stable").reset_index(drop=True)
    table.insert(0, "image_id", range(len(table)))
    return table
