"""What two sets of images change about a concept and the classes, even where both show it equally.

`within` asks in which classes B shows more of a concept than A, and in which less. `ties` asks how
far the class says the score at all: a concept that goes with its class in one set and not in the
other is a shortcut that holds in one of them. Both stand beside what images of a class that change
sides at random make of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Integer

from core.compare.image_sets import RESAMPLES


@dataclass(frozen=True)
class Judged:
    """One number a concept, with its interval and what chance makes of it."""

    value: Float64[np.ndarray, " k"]
    lo: Float64[np.ndarray, " k"]
    """95 % bootstrap interval, images of each class and side drawn with replacement; about the
    value, since resampling itself adds to the differences between classes"""
    hi: Float64[np.ndarray, " k"]
    chance: Float64[np.ndarray, " k"]
    """mean size of the same over orders in which images of a class changed sides at random"""
    chance_95: Float64[np.ndarray, " k"]
    """95 % quantile of those sizes"""
    p: Float64[np.ndarray, " k"]
    """share of those orders, and of the real one, that reach the value's size"""


@dataclass(frozen=True)
class Within(Judged):
    """Mean over classes of |b minus a|, in pooled standard deviations: that of `more` and `less`
    together. 0 where the concept does not vary inside classes."""

    more: Judged
    """mean over classes of b minus a where b is larger, else 0"""
    less: Judged
    """mean over classes of a minus b where a is larger, else 0"""
    differences: Float64[np.ndarray, "y k"]
    """b minus a in each compared class"""
    differences_lo: Float64[np.ndarray, "y k"]
    """95 % bootstrap interval of each"""
    differences_hi: Float64[np.ndarray, "y k"]
    classes: Integer[np.ndarray, " y"]
    """see `comparable`"""


@dataclass(frozen=True)
class Ties(Judged):
    """Tie in b minus tie in a. A tie is the intraclass correlation (Fisher 1925; analysis of
    variance estimator, classes weighing alike): the share of a score's variance that lies between
    classes. 1: the class fixes the score; 0: it says nothing, and estimates may fall below."""

    tie_a: Float64[np.ndarray, " k"]
    tie_b: Float64[np.ndarray, " k"]
    classes: Integer[np.ndarray, " y"]
    """see `comparable`"""


class _Sides(NamedTuple):
    """The images of both sets that lie in a compared class."""

    a: Float[np.ndarray, "n k"]
    classes_a: Integer[np.ndarray, " n"]
    b: Float[np.ndarray, "m k"]
    classes_b: Integer[np.ndarray, " m"]
    classes: Integer[np.ndarray, " y"]
    """see `comparable`"""


@dataclass(frozen=True)
class _Cell:
    """Images of one class, in r arrangements: the real one, random orders, resamples."""

    n: tuple[int, int]
    means: tuple[Float64[np.ndarray, "r k"], Float64[np.ndarray, "r k"]]
    """of each side, about `origin`"""
    inside: tuple[Float64[np.ndarray, "r k"], Float64[np.ndarray, "r k"]]
    """sum of squares about them"""
    origin: Float64[np.ndarray, " k"]


def comparable(
    classes_a: Integer[np.ndarray, " n"], classes_b: Integer[np.ndarray, " m"]
) -> Integer[np.ndarray, " y"]:
    """Classes with two images or more on both sides, ascending; -1 is no class."""
    shared = np.intersect1d(classes_a, classes_b)
    enough = [c >= 0 and min((classes_a == c).sum(), (classes_b == c).sum()) >= 2 for c in shared]
    return shared[np.array(enough, dtype=bool)]


def within(
    a: Float[np.ndarray, "n k"],
    classes_a: Integer[np.ndarray, " n"],
    b: Float[np.ndarray, "m k"],
    classes_b: Integer[np.ndarray, " m"],
    *,
    paired: bool = False,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Within:
    """Differences of energies inside classes, whose signs may cancel over classes.

    `paired`: row i of both sides is one image before and after; then pairs are drawn, and only the
    two of a pair change sides by chance. The standard deviation is pooled over the cells (class and
    side). The outcome for a concept does not depend on which others are given. Raises ValueError
    when no class can be compared.
    """
    classes = comparable(classes_a, classes_b)
    if not len(classes):
        raise ValueError("no class has two labelled images on both sides")
    sides = _compared(a, classes_a, b, classes_b, classes)
    a, b = sides.a, sides.b
    more: Float64[np.ndarray, "r k"] = np.zeros((1 + 2 * n_resamples, a.shape[1]))
    less, inside, free = np.zeros_like(more), np.zeros_like(more), 0
    differences, intervals = [], []
    for cell in _cells(sides, paired=paired, n_resamples=n_resamples, seed=seed):
        difference = cell.means[1] - cell.means[0]
        more += np.maximum(difference, 0) / len(classes)
        less += np.maximum(-difference, 0) / len(classes)
        inside += cell.inside[0] + cell.inside[1]
        free += sum(cell.n) - 2
        differences.append(difference[0])
        intervals.append(np.quantile(difference[1 + n_resamples :], [0.025, 0.975], axis=0))
    spread = np.sqrt(np.maximum(inside, 0) / free)
    # rounding leaves a constant concept a spread that is no spread
    alive = spread > 1e-9 * np.maximum(np.abs(a).max(0), np.abs(b).max(0))
    inverse = np.divide(1, spread, out=np.zeros_like(spread), where=alive)
    of_classes = [np.stack(x) * inverse[0] for x in (differences, *zip(*intervals, strict=True))]
    parts = [_judged(x * inverse, n_resamples) for x in (more, less)]
    whole = _judged((more + less) * inverse, n_resamples)
    return Within(
        **vars(whole),
        more=parts[0],
        less=parts[1],
        differences=of_classes[0],
        differences_lo=of_classes[1],
        differences_hi=of_classes[2],
        classes=classes,
    )


def ties(
    a: Float[np.ndarray, "n k"],
    classes_a: Integer[np.ndarray, " n"],
    b: Float[np.ndarray, "m k"],
    classes_b: Integer[np.ndarray, " m"],
    *,
    paired: bool = False,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Ties:
    """How far the class says the score, in both sets. Arguments as `within`; raises ValueError
    unless two classes can be compared."""
    classes = comparable(classes_a, classes_b)
    if len(classes) < 2:
        raise ValueError("fewer than two classes have two labelled images on both sides")
    sides = _compared(a, classes_a, b, classes_b, classes)
    a, b = sides.a, sides.b
    shape = (2, 1 + 2 * n_resamples, a.shape[1])
    total, squares, inside = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    free, rarity = np.zeros((2, 1, 1)), np.zeros((2, 1, 1))
    middle = np.concatenate([a, b]).mean(0, dtype=np.float64)
    for cell in _cells(sides, paired=paired, n_resamples=n_resamples, seed=seed):
        for side in range(2):
            mean = cell.means[side] + (cell.origin - middle)
            total[side] += mean
            squares[side] += mean**2
            inside[side] += cell.inside[side]
            free[side] += cell.n[side] - 1
            rarity[side] += 1 / cell.n[side] / len(classes)
    inside /= free
    # means of few images differ by chance, by that much
    between = (squares - total**2 / len(classes)) / (len(classes) - 1) - inside * rarity
    whole = between + inside
    alive = whole > 1e-18 * np.maximum(np.abs(a).max(0), np.abs(b).max(0)) ** 2
    tie_a, tie_b = np.divide(between, whole, out=np.zeros(shape), where=alive)
    judged = _judged(tie_b - tie_a, n_resamples)
    return Ties(**vars(judged), tie_a=tie_a[0], tie_b=tie_b[0], classes=classes)


def _judged(found: Float64[np.ndarray, "r k"], n_orders: int) -> Judged:
    """Entry 0 is the real arrangement, then come the random orders, then the resamples."""
    value, null, drawn = found[0], np.abs(found[1 : 1 + n_orders]), found[1 + n_orders :]
    lo, hi = value + np.quantile(drawn, [0.025, 0.975], axis=0) - drawn.mean(0)
    reached = (null >= np.abs(value) * (1 - 1e-12)).sum(0)
    return Judged(
        value, lo, hi, null.mean(0), np.quantile(null, 0.95, axis=0), (1 + reached) / (1 + n_orders)
    )


def _compared(
    a: Float[np.ndarray, "n k"],
    classes_a: Integer[np.ndarray, " n"],
    b: Float[np.ndarray, "m k"],
    classes_b: Integer[np.ndarray, " m"],
    classes: Integer[np.ndarray, " y"],
) -> _Sides:
    """The arguments without the images of other classes."""
    in_a, in_b = np.isin(classes_a, classes), np.isin(classes_b, classes)
    return _Sides(a[in_a], classes_a[in_a], b[in_b], classes_b[in_b], classes)


def _cells(sides: _Sides, *, paired: bool, n_resamples: int, seed: int) -> Iterator[_Cell]:
    """In each arrangement an image counts for a side as often as its weight there says."""
    for c in sides.classes:
        mine = sides.a[sides.classes_a == c], sides.b[sides.classes_b == c]
        n, m = len(mine[0]), len(mine[1])
        x = np.concatenate(mine).astype(np.float64)
        origin = x.mean(0)
        x -= origin
        rng = np.random.default_rng([seed, int(c)])
        in_b = _orders(n, m, n_resamples, rng, paired)
        drawn = _draws(n, m, n_resamples, rng, paired)
        of_a = _moments(np.concatenate([1 - in_b, drawn[0]]), x, n)
        of_b = _moments(np.concatenate([in_b, drawn[1]]), x, m)
        yield _Cell((n, m), (of_a[0], of_b[0]), (of_a[1], of_b[1]), origin)


def _moments(
    weights: Float64[np.ndarray, "r nm"], x: Float64[np.ndarray, "nm k"], size: int
) -> tuple[Float64[np.ndarray, "r k"], Float64[np.ndarray, "r k"]]:
    """Mean, and sum of squares about it, where the weights of a row sum to `size`."""
    mean = weights @ x / size
    return mean, weights @ x**2 - size * mean**2


def _orders(
    n: int, m: int, n_orders: int, rng: np.random.Generator, paired: bool
) -> Float64[np.ndarray, "r nm"]:
    """1 where an image stands in b: as they do, then in random orders."""
    real = np.arange(n + m) >= n
    if paired:
        swapped = rng.random((n_orders, n)) < 0.5
        orders = np.concatenate([swapped, ~swapped], axis=1)
    else:
        orders = rng.permuted(np.tile(real, (n_orders, 1)), axis=1)
    return np.concatenate([real[None], orders]).astype(np.float64)


def _draws(
    n: int, m: int, n_resamples: int, rng: np.random.Generator, paired: bool
) -> tuple[Float64[np.ndarray, "r nm"], Float64[np.ndarray, "r nm"]]:
    """How often each image is drawn, for a and for b; pairs are drawn together."""
    in_a = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples).astype(np.float64)
    in_b = in_a if paired else rng.multinomial(m, np.full(m, 1 / m), size=n_resamples)
    empty_a, empty_b = np.zeros((n_resamples, n)), np.zeros((n_resamples, m))
    return np.hstack([in_a, empty_b]), np.hstack([empty_a, in_b.astype(np.float64)])
