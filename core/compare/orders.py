"""How often a random order of the images does as much: p values of many concepts at once.

Most concepts of a bank are far from any difference, and a few need many orders: what is reached
often is settled after the first orders (Besag and Clifford 1991, "Sequential Monte Carlo p-values",
Biometrika 78: stopping after a fixed number of orders that reach the value leaves the test valid).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64, Integer

FIRST = 200
"""orders that every concept is set against"""
BATCH = 1000
"""orders drawn at once after that"""
ENOUGH = 20
"""orders that reach a value: no more are drawn for it"""
_MOST = 20_000
_ALIKE = 1e-9
"""relative; sums of the same scores in another order differ by rounding"""

Again = Callable[[Integer[np.ndarray, " c"], int], Float64[np.ndarray, "r s c"]]
"""concepts (columns) and number of a batch: values of s statistics in BATCH random orders"""


def most(n_concepts: int) -> int:
    """Orders enough for one concept alone to be found among so many at a false discovery rate of
    5 % (20 a concept), from 2,000 to 20,000: of banks beyond 1,000 concepts, only several found
    together can be."""
    wanted = min(max(20 * n_concepts, 2 * BATCH), _MOST)
    return BATCH * -(-wanted // BATCH)


def p_values(
    values: Float64[np.ndarray, "s k"],
    first: Float64[np.ndarray, "r s k"],
    again: Again,
    *,
    n_orders: int,
) -> Float64[np.ndarray, "s k"]:
    """Share of the random orders, and of the real one, whose size reaches the value's: two-sided,
    above 0 and at most 1.

    `first` holds the values in FIRST orders. What fewer than ENOUGH of them reach is judged by
    fresh orders alone, up to `n_orders`.
    """
    sizes = np.abs(values) * (1 - _ALIKE)
    reached = (np.abs(first) >= sizes).sum(0)
    p = (1 + reached) / (1 + len(first))
    open_: Bool[np.ndarray, "s k"] = reached < min(ENOUGH, len(first))
    if n_orders <= len(first):
        return p
    reached, drawn = np.zeros_like(reached), np.zeros_like(reached)
    for batch in range(n_orders // BATCH):
        columns = np.flatnonzero(open_.any(0))
        if not len(columns):
            break
        null = np.abs(again(columns, batch)) >= sizes[:, columns]
        mine = open_[:, columns]
        reached[:, columns] += np.where(mine, null.sum(0), 0)
        drawn[:, columns] += np.where(mine, len(null), 0)
        open_[:, columns] = mine & (reached[:, columns] < ENOUGH)
    return np.where(drawn > 0, (1 + reached) / (1 + drawn), p)


def q_values(
    p: Float64[np.ndarray, " k"], *, tested: Bool[np.ndarray, " k"]
) -> Float64[np.ndarray, " k"]:
    """Smallest false discovery rate at which each is found (Benjamini and Hochberg 1995, J. R.
    Stat. Soc. B 57); 1 for what is not `tested`, since no order of its images differs."""
    from scipy.stats import false_discovery_control  # slow to import

    q = np.ones(len(p))
    if tested.any():
        q[tested] = false_discovery_control(p[tested], method="bh")
    return q


def swaps(
    n: int, m: int, n_orders: int, rng: np.random.Generator, *, paired: bool
) -> Float64[np.ndarray, "r nm"]:
    """1 where an image stands in b, of n that stand in a and m that do; only the two of a pair
    change sides when `paired`."""
    if paired:
        swapped = rng.random((n_orders, n)) < 0.5
        return np.concatenate([swapped, ~swapped], axis=1).astype(np.float64)
    real = np.arange(n + m) >= n
    return rng.permuted(np.tile(real, (n_orders, 1)), axis=1).astype(np.float64)
