"""Fewer images, evenly over classes and splits, with every table kept in step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from core.kinds import TRAIN
from data.datasets.multi_label import marks_by_image, rarest
from data.datasets.types import Dataset


def spread(splits: Sequence[str], labels: Sequence[str | None], *, limit: int) -> list[int]:
    """Positions to keep, ascending; all of them when limit is 0.

    Groups (class, split) are served in turn, train first, until `limit` images are found; within a
    group the picks are evenly spaced. Raises ValueError for a negative limit.
    """
    if limit < 0:
        raise ValueError(f"limit is {limit}; it must be 0 (all images) or a positive number")
    if limit == 0 or limit >= len(splits):
        return list(range(len(splits)))
    groups: defaultdict[tuple[str, bool, str], list[int]] = defaultdict(list)
    for position, (split, label) in enumerate(zip(splits, labels, strict=True)):
        groups[(label or "", split != TRAIN, split)].append(position)
    keys = sorted(groups)
    quota = dict.fromkeys(keys, 0)
    left = limit
    while left:
        for key in keys:
            if left and quota[key] < len(groups[key]):
                quota[key] += 1
                left -= 1
    kept: list[int] = []
    for key in keys:
        places = np.arange(quota[key]) * len(groups[key]) // max(quota[key], 1)
        kept += [groups[key][int(place)] for place in places]
    return sorted(kept)


def limited(dataset: Dataset, limit: int) -> Dataset:
    """`dataset` with at most `limit` images (0: all), numbered anew from 0."""
    images = dataset.images
    labels: list[str | None] = [None if pd.isna(label) else str(label) for label in images["label"]]
    if dataset.multi_label:
        labels = rarest(marks_by_image(dataset.carried, images["image_id"].tolist()))
    keep = spread(images["split"].tolist(), labels, limit=limit)
    if len(keep) == len(images):
        return dataset
    kept = images.iloc[keep].reset_index(drop=True)
    new_id = dict(zip(kept["image_id"].tolist(), range(len(kept)), strict=True))
    kept["image_id"] = np.arange(len(kept))

    def follow(table: pd.DataFrame) -> pd.DataFrame:
        rows = table[table["image_id"].isin(list(new_id))].reset_index(drop=True)
        rows["image_id"] = rows["image_id"].map(new_id).astype("int64")
        return rows

    present = set(kept["label"].dropna())
    class_rows = dataset.class_labels["label"].isin(present)
    return replace(
        dataset,
        images=kept,
        image_labels=follow(dataset.image_labels),
        class_labels=dataset.class_labels[class_rows].reset_index(drop=True),
        carried=follow(dataset.carried),
        parts=follow(dataset.parts),
        masks=follow(dataset.masks),
    )
