"""Some of many, evenly spaced, so that the same few are taken every time."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64


def evenly(n: int, most: int) -> Int64[np.ndarray, " m"]:
    """Of the rows 0..n-1 at most `most`, ascending, the first and the last among them."""
    return np.linspace(0, n - 1, min(n, most)).round().astype(np.int64)


def evenly_by_split(splits: np.ndarray, limit: int) -> Int64[np.ndarray, " m"]:
    """At most `limit` rows (0: all), evenly spaced within every split, ascending."""
    names = list(dict.fromkeys(splits))
    if not limit or limit >= len(splits):
        return np.arange(len(splits))
    chosen = []
    for i, name in enumerate(names):
        rows = np.flatnonzero(splits == name)
        quota = min(len(rows), limit // len(names) + (i < limit % len(names)))
        chosen.append(rows[evenly(len(rows), quota)])
    return np.unique(np.concatenate(chosen))
