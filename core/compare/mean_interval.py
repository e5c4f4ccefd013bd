"""95 % intervals of a difference of mean scores, also where a concept fires on few images or none.

Bootstrap and t intervals have no width where a concept is silent in a set. A score that is 0 on
some images is taken apart: how often it fires (Jeffreys' beta) and how strongly when it does (t on
the logarithm of the mean), each uncertain by itself (generalised pivots: Weerahandi 1993, JASA 88;
for means of skewed data with zeros: Tian 2005, Statistics in Medicine 24). Strength that one set
says nothing about is borrowed from the other; of a concept silent in both, nothing is known.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64

PIVOTS = 1000
_LARGEST = 3.0
"""of a pivot of the logarithm of a strength: twentyfold, either way"""

Ends = tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]


def of_difference(a: Float[np.ndarray, "n k"], b: Float[np.ndarray, "m k"], *, seed: int) -> Ends:
    """Ends of the interval of mean b minus mean a, a concept each.

    Concepts with a negative score, or with none that is 0, get Welch's t interval. NaN for what
    fires in neither set; infinite where one image on a side says nothing of its spread. Simulated
    coverage: 92 to 98 % where six images or more of each side are expected to fire; 85 % and more
    where it is one to three; above 98 % where a side's share is small and its set is too.
    """
    a, b = a.astype(np.float64), b.astype(np.float64)
    sparse = ((a == 0).any(0) | (b == 0).any(0)) & (a >= 0).all(0) & (b >= 0).all(0)
    lo, hi = _welch(a, b)
    if sparse.any():
        mine, theirs = a[:, sparse], b[:, sparse]
        drawn = _pivots(theirs, mine, np.random.default_rng([seed, 1]))
        drawn -= _pivots(mine, theirs, np.random.default_rng([seed, 0]))
        fires = (mine > 0).any(0) | (theirs > 0).any(0)
        ends = np.quantile(drawn, [0.025, 0.975], axis=0)
        lo[sparse], hi[sparse] = np.where(fires, ends, np.nan)
    return lo, hi


def of_pairs(differences: Float[np.ndarray, "n k"], *, seed: int) -> Ends:
    """The same of pairs: `differences` b minus a of each. Where some pairs differ by nothing, how
    many do and by how much are uncertain apart; NaN where none differs."""
    x = differences.astype(np.float64)
    n = len(x)
    differ = x != 0
    m = differ.sum(0)
    mean, square = x.sum(0) / np.maximum(m, 1), (x**2).sum(0)
    spread = np.sqrt(np.maximum(square - m * mean**2, 0) / np.maximum(m - 1, 1))
    spread = np.where(m == 1, np.abs(mean), spread)
    rng = np.random.default_rng([seed, 2])
    share = _shares(differ, rng)
    t = rng.standard_t(np.broadcast_to(np.maximum(m - 1, 1), share.shape))
    drawn = share * (mean + t * spread / np.sqrt(np.maximum(m, 1)))
    lo, hi = np.quantile(drawn, [0.025, 0.975], axis=0)
    if n == 1:
        return np.full_like(lo, -np.inf), np.full_like(hi, np.inf)
    return np.where(m > 0, lo, np.nan), np.where(m > 0, hi, np.nan)


def _welch(a: Float64[np.ndarray, "n k"], b: Float64[np.ndarray, "m k"]) -> Ends:
    from scipy.stats import t  # slow to import

    middle = b.mean(0) - a.mean(0)
    if min(len(a), len(b)) < 2:
        return np.full_like(middle, -np.inf), np.full_like(middle, np.inf)
    of_a, of_b = a.var(0, ddof=1) / len(a), b.var(0, ddof=1) / len(b)
    whole = of_a + of_b
    weighed = of_a**2 / (len(a) - 1) + of_b**2 / (len(b) - 1)
    free = np.divide(whole**2, weighed, out=np.ones_like(whole), where=weighed > 0)
    half = t.ppf(0.975, free) * np.sqrt(whole)
    return middle - half, middle + half


def _shares(fires: Bool[np.ndarray, "n k"], rng: np.random.Generator) -> Float64[np.ndarray, "p k"]:
    """Pivots of how often; what fires everywhere is taken to do so."""
    n, m = len(fires), fires.sum(0)
    share = rng.beta(m + 0.5, n - m + 0.5, (PIVOTS, len(m)))
    return np.where(m == n, 1.0, share)


def _pivots(
    x: Float64[np.ndarray, "n k"], other: Float64[np.ndarray, "m k"], rng: np.random.Generator
) -> Float64[np.ndarray, "p k"]:
    """Of the mean of x, whose scores are 0 or above."""
    mine, both = _Strengths(x), _Strengths(np.concatenate([x, other]))
    few = mine.n < 2
    free = np.maximum(np.where(few, both.n, mine.n) - 1, 1)
    strength = np.where(mine.n > 0, mine.mean, both.mean)
    relative = np.where(few, both.relative, mine.relative / np.sqrt(np.maximum(mine.n, 1)))
    share = _shares(x > 0, rng)
    t = rng.standard_t(np.broadcast_to(free, share.shape))
    drawn = share * strength * np.exp(np.clip(t * relative, -_LARGEST, _LARGEST))
    return np.where(both.n > 0, drawn, 0)


class _Strengths:
    """Of the images a concept fires on."""

    def __init__(self, x: Float64[np.ndarray, "n k"]) -> None:
        fires = x > 0
        self.n = fires.sum(0)
        self.mean = x.sum(0) / np.maximum(self.n, 1)
        squares = (np.where(fires, x - self.mean, 0) ** 2).sum(0)
        spread = np.sqrt(squares / np.maximum(self.n - 1, 1))
        self.relative = np.divide(spread, self.mean, out=np.zeros_like(spread), where=self.n > 0)
