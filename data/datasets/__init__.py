"""Readers: each turns a place on disk into one `Dataset`. A new one is a function and a line."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from data.datasets.aviary.captions import (
    CAPTION_PHRASES,
    caption_fits,
    caption_truth,
    caption_words,
    captions_of,
)
from data.datasets.aviary.reader import PARAMETERS, aviary
from data.datasets.corruptions import CORRUPTIONS, check_corruptions, corrupted
from data.datasets.cub import cub
from data.datasets.folder import folder
from data.datasets.huggingface import huggingface
from data.datasets.limit import spread
from data.datasets.manifest import manifest
from data.datasets.split import check_train
from data.datasets.summary import told
from data.datasets.types import Dataset
from data.datasets.webdataset import webdataset
from data.images import depth_of_all
from data.store import ARTIFACTS

__all__ = [
    "CAPTION_PHRASES",
    "CORRUPTIONS",
    "PARAMETERS",
    "READERS",
    "UNPACKED",
    "caption_fits",
    "caption_truth",
    "caption_words",
    "captions_of",
    "check_corruptions",
    "check_train",
    "corrupted",
    "load",
    "spread",
    "told",
]

READERS: dict[str, Callable[..., Dataset]] = {
    "aviary": aviary,
    "cub": cub,
    "folder": folder,
    "huggingface": huggingface,
    "manifest": manifest,
    "webdataset": webdataset,
}
UNPACKED = "unpacked"
"""folder among the artifacts for images that lie in no file of their own"""
_GIVEN = ("limit", "work")
"""arguments of readers that are no options"""


def load(
    reader: str,
    path: str | Path,
    *,
    limit: int = 0,
    options: Mapping[str, Any] | None = None,
    work: Path = ARTIFACTS / UNPACKED,
    contents: Path | None = None,
) -> Dataset:
    """At most `limit` images (0: all), spread evenly over classes and splits.

    Readers of images that lie in no file of their own write them below `work`.
    What pixels of more than 8 bits have in common is found out here, and kept in the folder
    `contents`, so that only files that changed are decoded for it another time. Raises ValueError
    for an unknown reader or option, naming the known ones, for whatever the reader cannot use, and
    where no image is left to fit on.
    """
    if reader not in READERS:
        raise ValueError(f"unknown reader {reader!r}; known are {', '.join(sorted(READERS))}")
    parameters = inspect.signature(READERS[reader]).parameters
    known = [
        name
        for name, parameter in parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name not in _GIVEN
    ]
    for option in options or {}:
        if option not in known:
            raise ValueError(
                f"reader {reader!r} has no option {option!r}; "
                + (f"known are {', '.join(known)}" if known else "it has none")
            )
    where = {"work": work} if "work" in parameters else {}
    dataset = READERS[reader](path, limit=limit, **where, **(options or {}))
    check_train(dataset.images["split"].tolist(), str(path))
    place = hashlib.sha256(str(dataset.root.absolute()).encode()).hexdigest()[:12]
    kept = None if contents is None else contents / f"depth-{place}.json"
    paths = map(dataset.path, dataset.images["file"])
    return replace(dataset, depth=depth_of_all(paths, kept))
