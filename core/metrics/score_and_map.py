"""How far a score that is not read from a map goes along with it, over images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64

_Z95 = 1.96
SHUFFLES = 20


class Agreement(NamedTuple):
    """Of each concept; NaN where its score or its map's mean is the same on all images."""

    r: Float64[np.ndarray, " k"]
    """Pearson correlation over images, -1..1"""
    lo: Float64[np.ndarray, " k"]
    hi: Float64[np.ndarray, " k"]
    """of its 95 % interval, by Fisher's z (Fisher 1915); NaN for three images or fewer"""
    chance: Float64[np.ndarray, " k"]
    """mean size of r, 0..1, with the images shuffled 20 times"""


def agreement(
    scores: Float[np.ndarray, "n k"], means: Float[np.ndarray, "n k"], *, seed: int
) -> Agreement:
    """`means`: of the maps."""
    n, k = scores.shape
    a, b = _unit(scores), _unit(means)
    r = np.clip((a * b).sum(0), -1, 1)
    rng = np.random.default_rng(seed)
    drawn = [np.abs((a[rng.permutation(n)] * b).sum(0)) for _ in range(SHUFFLES)]
    half = _Z95 / np.sqrt(n - 3) if n > 3 else np.nan
    with np.errstate(divide="ignore"):
        z = np.arctanh(r)
    return Agreement(r, np.tanh(z - half), np.tanh(z + half), np.mean(drawn, axis=0).reshape(k))


def _unit(x: Float[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
    """Columns about their mean, of length 1; NaN where one does not vary beyond rounding."""
    centred = x.astype(np.float64) - x.mean(0, dtype=np.float64)
    length = np.linalg.norm(centred, axis=0)
    varies = length > 1e-9 * np.maximum(np.linalg.norm(x.astype(np.float64), axis=0), 1e-300)
    return np.divide(centred, length, out=np.full(centred.shape, np.nan), where=varies)
