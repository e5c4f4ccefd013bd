"""How far a score that is not read from a map goes along with it, over images."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64
from scipy.special import stdtrit

_Z95 = 1.959964
SHUFFLES = 20
_ALMOST = 1 - 1e-9
"""a correlation whose z is finite"""
FEWEST = 10
"""images whose score is not the smallest, and as many whose map's mean is not, that an interval
takes: codes are 0 on most images, and a correlation rests on the others"""


class Agreement(NamedTuple):
    """Of each concept; NaN where its score or its map's mean is the same on all images."""

    r: Float64[np.ndarray, " k"]
    """Pearson correlation over images, -1..1"""
    lo: Float64[np.ndarray, " k"]
    hi: Float64[np.ndarray, " k"]
    """of its 95 % interval; NaN where fewer than `FEWEST` images tell"""
    chance: Float64[np.ndarray, " k"]
    """mean size of r, 0..1, with the images shuffled 20 times"""


def agreement(
    scores: Float[np.ndarray, "n k"], means: Float[np.ndarray, "n k"], *, seed: int
) -> Agreement:
    """`means`: of the maps.

    The interval is on the scale of Fisher's z. His standard error, 1 / sqrt(n - 3), is that of two
    normal variables; codes, of which most are 0, vary several times as much, so that it is the
    jackknife's, if that is larger. Student's t with as many degrees of freedom as images that the
    jackknife's variance rests on, (sum d^2)^2 / sum d^4, less one, takes the place of the normal.
    """
    n, k = scores.shape
    a, b = _unit(scores), _unit(means)
    r = np.clip((a * b).sum(0), -1, 1)
    rng = np.random.default_rng(seed)
    drawn = [np.abs((a[rng.permutation(n)] * b).sum(0)) for _ in range(SHUFFLES)]
    told = np.minimum((scores > scores.min(0)).sum(0), (means > means.min(0)).sum(0))
    half = np.where(told >= FEWEST, _half(a, b, r), np.nan)
    with np.errstate(divide="ignore"):
        z = np.arctanh(r)
    return Agreement(r, np.tanh(z - half), np.tanh(z + half), np.mean(drawn, axis=0).reshape(k))


def _half(
    a: Float64[np.ndarray, "n k"], b: Float64[np.ndarray, "n k"], r: Float64[np.ndarray, " k"]
) -> Float64[np.ndarray, " k"]:
    """Half an interval of Fisher's z; `a` and `b` are centred and of length 1."""
    n = len(a)
    if n <= FEWEST:
        return np.full(len(r), np.nan)
    more = n / (n - 1)  # a mean moves when an image is left out
    with np.errstate(divide="ignore", invalid="ignore"):
        without = (r - more * a * b) / np.sqrt((1 - more * a**2) * (1 - more * b**2))
    # of the others a score or a mean may not vary, which says that there is no correlation
    z = np.arctanh(np.clip(np.nan_to_num(without, posinf=0, neginf=0), -_ALMOST, _ALMOST))
    d = (z - z.mean(0)) ** 2
    error = np.sqrt((n - 1) / n * d.sum(0))
    freedom = np.maximum(d.sum(0) ** 2 / np.maximum((d**2).sum(0), 1e-300) - 1, 1)
    return np.maximum(stdtrit(freedom, 0.975) * error, _Z95 / np.sqrt(n - 3))


def _unit(x: Float[np.ndarray, "n k"]) -> Float64[np.ndarray, "n k"]:
    """Columns about their mean, of length 1; NaN where one does not vary beyond rounding."""
    centred = x.astype(np.float64) - x.mean(0, dtype=np.float64)
    length = np.linalg.norm(centred, axis=0)
    varies = length > 1e-9 * np.maximum(np.linalg.norm(x.astype(np.float64), axis=0), 1e-300)
    return np.divide(centred, length, out=np.full(centred.shape, np.nan), where=varies)
