"""Images of two sets class by class, as they stand and with sides exchanged or drawn at random."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Integer

from core.compare import orders


class Sides(NamedTuple):
    """The images of both sets that lie in a compared class."""

    a: Float[np.ndarray, "n k"]
    classes_a: Integer[np.ndarray, " n"]
    b: Float[np.ndarray, "m k"]
    classes_b: Integer[np.ndarray, " m"]
    classes: Integer[np.ndarray, " y"]
    """see `core.compare.class_shifts.comparable`"""


class Order(NamedTuple):
    """Arrangements to make: the real one, then n random orders, then n_draws resamples."""

    n: int
    paired: bool
    seed: tuple[int, int]
    n_draws: int = 0


@dataclass(frozen=True)
class Cell:
    """Images of one class, in r arrangements: the real one, random orders, resamples."""

    n: tuple[int, int]
    means: tuple[Float64[np.ndarray, "r k"], Float64[np.ndarray, "r k"]]
    """of each side, about `origin`"""
    inside: tuple[Float64[np.ndarray, "r k"], Float64[np.ndarray, "r k"]]
    """sum of squares about them"""
    origin: Float64[np.ndarray, " k"]


def arranged_cells(sides: Sides, order: Order) -> Iterator[Cell]:
    """In each arrangement an image counts for a side as often as its weight there says."""
    for c in sides.classes:
        mine = sides.a[sides.classes_a == c], sides.b[sides.classes_b == c]
        n, m = len(mine[0]), len(mine[1])
        x = np.concatenate(mine).astype(np.float64)
        origin = x.mean(0)
        x -= origin
        rng = np.random.default_rng([*order.seed, int(c)])
        real = (np.arange(n + m) >= n).astype(np.float64)[None]
        in_b = np.concatenate([real, orders.swaps(n, m, order.n, rng, paired=order.paired)])
        drawn = _draws(n, m, order.n_draws, rng, order.paired)
        of_a = _moments(np.concatenate([1 - in_b, drawn[0]]), x, n)
        of_b = _moments(np.concatenate([in_b, drawn[1]]), x, m)
        yield Cell((n, m), (of_a[0], of_b[0]), (of_a[1], of_b[1]), origin)


def _moments(
    weights: Float64[np.ndarray, "r nm"], x: Float64[np.ndarray, "nm k"], size: int
) -> tuple[Float64[np.ndarray, "r k"], Float64[np.ndarray, "r k"]]:
    """Mean, and sum of squares about it, where the weights of a row sum to `size`."""
    mean = weights @ x / size
    return mean, weights @ x**2 - size * mean**2


def _draws(
    n: int, m: int, n_resamples: int, rng: np.random.Generator, paired: bool
) -> tuple[Float64[np.ndarray, "r nm"], Float64[np.ndarray, "r nm"]]:
    """How often each image is drawn, for a and for b; pairs are drawn together."""
    in_a = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(np.float64)
    in_b = in_a if paired else rng.multinomial(m, np.full(m, 1 / m), size=n_resamples)
    empty_a, empty_b = np.zeros((n_resamples, n)), np.zeros((n_resamples, m))
    return np.hstack([in_a, empty_b]), np.hstack([empty_a, in_b.astype(np.float64)])
