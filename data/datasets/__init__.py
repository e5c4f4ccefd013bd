"""Readers: each turns a place on disk into one `Dataset`. A new one is a function and a line."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
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
from data.datasets.limit import spread
from data.datasets.manifest import manifest
from data.datasets.types import Dataset

__all__ = [
    "CAPTION_PHRASES",
    "CORRUPTIONS",
    "PARAMETERS",
    "READERS",
    "caption_fits",
    "caption_truth",
    "caption_words",
    "captions_of",
    "check_corruptions",
    "corrupted",
    "load",
    "spread",
]

READERS: dict[str, Callable[..., Dataset]] = {
    "aviary": aviary,
    "cub": cub,
    "folder": folder,
    "manifest": manifest,
}


def load(
    reader: str,
    path: str | Path,
    *,
    limit: int = 0,
    options: Mapping[str, Any] | None = None,
) -> Dataset:
    """At most `limit` images (0: all), spread evenly over classes and splits.

    Raises ValueError for an unknown reader or option, naming the known ones, and for whatever the
    reader cannot use.
    """
    if reader not in READERS:
        raise ValueError(f"unknown reader {reader!r}; known are {', '.join(sorted(READERS))}")
    known = [
        name
        for name, parameter in inspect.signature(READERS[reader]).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY and name != "limit"
    ]
    for option in options or {}:
        if option not in known:
            raise ValueError(
                f"reader {reader!r} has no option {option!r}; "
                + (f"known are {', '.join(known)}" if known else "it has none")
            )
    return READERS[reader](path, limit=limit, **(options or {}))
