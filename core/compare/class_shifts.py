"""What two sets of images change about a concept and the classes, even where both show it equally.

`within` asks in which classes B shows more of a concept than A, and in which less. `ties` asks how
far the class says the score at all: a concept that goes with its class in one set and not in the
other is a shortcut that holds in one of them. Both stand beside what images of a class that change
sides at random make of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Float64, Integer

from core.compare import orders
from core.compare.arrangements import Cell, Order, Sides, arranged_cells

RESAMPLES = 1000
"""bootstrap draws of the interval of a tie; 200 would leave it 1 to 2 points short of 95 %"""


@dataclass(frozen=True)
class Judged:
    """One number a concept, with what chance makes of it."""

    value: Float64[np.ndarray, " k"]
    chance: Float64[np.ndarray, " k"]
    """mean size of the same over orders in which images of a class changed sides at random"""
    chance_95: Float64[np.ndarray, " k"]
    """95 % quantile of those sizes"""
    p: Float64[np.ndarray, " k"]
    """share of those orders, and of the real one, that reach the value's size"""


@dataclass(frozen=True)
class Within(Judged):
    """Mean over classes of |b minus a|, in pooled standard deviations: that of `more` and `less`
    together. 0 where the concept does not vary inside classes. Without an interval: sizes of
    differences that are estimated with error lie above 0 where nothing differs, so that their
    place is told by chance alone."""

    more: Judged
    """mean over classes of b minus a where b is larger, else 0"""
    less: Judged
    """mean over classes of a minus b where a is larger, else 0"""
    differences: Float64[np.ndarray, "y k"]
    """b minus a in each compared class"""
    differences_half: Float64[np.ndarray, "y k"]
    """half the width of their intervals, which hold for all classes together at 95 % (Bonferroni),
    so that the largest may be picked: t, of the spread of the class or the pooled one, whichever
    is wider"""
    classes: Integer[np.ndarray, " y"]
    """see `comparable`"""


@dataclass(frozen=True)
class Ties(Judged):
    """Tie in b minus tie in a. A tie is the intraclass correlation (Fisher 1925; analysis of
    variance estimator, classes weighing alike): the share of a score's variance that lies between
    classes. 1: the class fixes the score; 0: it says nothing, and estimates may fall below."""

    lo: Float64[np.ndarray, " k"]
    """95 % bootstrap interval, images of each class and side drawn with replacement"""
    hi: Float64[np.ndarray, " k"]
    tie_a: Float64[np.ndarray, " k"]
    tie_b: Float64[np.ndarray, " k"]
    classes: Integer[np.ndarray, " y"]
    """see `comparable`"""


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
    n_orders: int = orders.FIRST,
    seed: int = 0,
) -> Within:
    """Differences of energies inside classes, whose signs may cancel over classes.

    `paired`: row i of both sides is one image before and after; then only the two of a pair change
    sides by chance. The standard deviation is pooled over the cells (class and side). `n_orders`:
    see `core.compare.orders.most`. The outcome for a concept does not depend on which others are
    given. Raises ValueError when no class can be compared.
    """
    classes = comparable(classes_a, classes_b)
    if not len(classes):
        raise ValueError("no class has two labelled images on both sides")
    sides = _compared(a, classes_a, b, classes_b, classes)

    def arranged(one: Sides, order: Order) -> Float64[np.ndarray, "r 3 k"]:
        more, less = _directions(list(arranged_cells(one, order)), one)
        return np.stack([more + less, more, less], axis=1)

    found = arranged(sides, Order(orders.FIRST, paired, (seed, 0)))
    whole, more, less = _judged(found, sides, arranged, n_orders=n_orders, paired=paired, seed=seed)
    cells = list(arranged_cells(sides, Order(0, paired, (seed, 0))))
    inverse = _inverse_spread(cells, sides)[0]
    differences = np.stack([cell.means[1][0] - cell.means[0][0] for cell in cells])
    return Within(
        **vars(whole),
        more=more,
        less=less,
        differences=differences * inverse,
        differences_half=_half_widths(cells, inverse, paired=paired, sides=sides),
        classes=classes,
    )


def ties(
    a: Float[np.ndarray, "n k"],
    classes_a: Integer[np.ndarray, " n"],
    b: Float[np.ndarray, "m k"],
    classes_b: Integer[np.ndarray, " m"],
    *,
    paired: bool = False,
    n_orders: int = orders.FIRST,
    seed: int = 0,
) -> Ties:
    """How far the class says the score, in both sets. Arguments as `within`; raises ValueError
    unless two classes can be compared."""
    classes = comparable(classes_a, classes_b)
    if len(classes) < 2:
        raise ValueError("fewer than two classes have two labelled images on both sides")
    sides = _compared(a, classes_a, b, classes_b, classes)

    def arranged(one: Sides, order: Order) -> Float64[np.ndarray, "r 1 k"]:
        tie_a, tie_b = _shares(_variances(arranged_cells(one, order), one), one)
        return (tie_b - tie_a)[:, None]

    found = arranged(sides, Order(orders.FIRST, paired, (seed, 0)))
    judged = _judged(found, sides, arranged, n_orders=n_orders, paired=paired, seed=seed)[0]
    real = _variances(arranged_cells(sides, Order(0, paired, (seed, 0))), sides)
    tie_a, tie_b = _shares(real, sides)[:, 0]
    order = Order(0, paired, (seed, 0), n_draws=RESAMPLES)
    drawn = _shares(_variances(_reflated(sides, order, real), sides), sides)[:, 1:]
    apart = drawn[1] - drawn[0]
    lo, hi = judged.value + np.quantile(apart, [0.025, 0.975], axis=0) - apart.mean(0)
    return Ties(**vars(judged), lo=lo, hi=hi, tie_a=tie_a, tie_b=tie_b, classes=classes)


def _directions(
    cells: list[Cell], sides: Sides
) -> tuple[Float64[np.ndarray, "r k"], Float64[np.ndarray, "r k"]]:
    """Mean over classes of b minus a where it is positive, and of a minus b."""
    inverse = _inverse_spread(cells, sides) / len(cells)
    differences = [cell.means[1] - cell.means[0] for cell in cells]
    more = sum(np.maximum(d, 0) for d in differences) * inverse
    less = sum(np.maximum(-d, 0) for d in differences) * inverse
    return more, less


def _inverse_spread(cells: list[Cell], sides: Sides) -> Float64[np.ndarray, "r k"]:
    """One over the standard deviation pooled over the cells; 0 where there is none."""
    inside = sum(cell.inside[0] + cell.inside[1] for cell in cells)
    spread = np.sqrt(np.maximum(inside, 0) / sum(sum(cell.n) - 2 for cell in cells))
    # rounding leaves a constant concept a spread that is no spread
    alive = spread > 1e-9 * np.maximum(np.abs(sides.a).max(0), np.abs(sides.b).max(0))
    return np.divide(1, spread, out=np.zeros_like(spread), where=alive)


def _half_widths(
    cells: list[Cell], inverse: Float64[np.ndarray, " k"], *, paired: bool, sides: Sides
) -> Float64[np.ndarray, "y k"]:
    """In pooled standard deviations; see `Within`. Of pairs, the spread of their differences."""
    from scipy.stats import t  # slow to import

    level = 1 - 0.025 / len(cells)
    free = sum(sum(cell.n) - 2 for cell in cells)
    pooled = (inverse > 0) * t.ppf(level, free)
    out = []
    for c, cell in zip(sides.classes, cells, strict=True):
        n, m = cell.n
        if paired:
            apart = sides.b[sides.classes_b == c].astype(np.float64)
            apart -= sides.a[sides.classes_a == c]
            own = t.ppf(level, n - 1) * apart.std(0, ddof=1) / np.sqrt(n) * inverse
            out.append(own)
            continue
        of_a, of_b = (cell.inside[i][0] / (cell.n[i] - 1) / cell.n[i] for i in range(2))
        whole = np.maximum(of_a + of_b, 0)
        weighed = of_a**2 / (n - 1) + of_b**2 / (m - 1)
        df = np.divide(whole**2, weighed, out=np.ones_like(whole), where=weighed > 0)
        own = t.ppf(level, np.maximum(df, 1)) * np.sqrt(whole) * inverse
        out.append(np.maximum(own, pooled * np.sqrt(1 / n + 1 / m)))
    return np.stack(out)


class _Variances(NamedTuple):
    """Of both sides, in r arrangements."""

    between: Float64[np.ndarray, "2 r k"]
    inside: Float64[np.ndarray, "2 r k"]
    chance: Float64[np.ndarray, "2 r k"]
    """variance of the means of classes that their few images alone give"""
    middle: Float64[np.ndarray, "2 r k"]
    """mean over classes, about that of all images"""


def _variances(cells: Iterable[Cell], sides: Sides) -> _Variances:
    total, squares, inside = (np.zeros(1) for _ in range(3))
    free, rarity = np.zeros((2, 1, 1)), np.zeros((2, 1, 1))
    n_classes, origin = len(sides.classes), _origin(sides)
    for cell in cells:
        mean = np.stack(cell.means) + (cell.origin - origin)
        total, squares = total + mean, squares + mean**2
        inside = inside + np.stack(cell.inside)
        for side in range(2):
            free[side] += cell.n[side] - 1
            rarity[side] += 1 / cell.n[side] / n_classes
    inside = inside / free
    chance = inside * rarity
    between = (squares - total**2 / n_classes) / (n_classes - 1) - chance
    return _Variances(between, inside, chance, total / n_classes)


def _origin(sides: Sides) -> Float64[np.ndarray, " k"]:
    return np.concatenate([sides.a, sides.b]).mean(0, dtype=np.float64)


def _shares(found: _Variances, sides: Sides) -> Float64[np.ndarray, "2 r k"]:
    whole = found.between + found.inside
    alive = whole > 1e-18 * np.maximum(np.abs(sides.a).max(0), np.abs(sides.b).max(0)) ** 2
    return np.divide(found.between, whole, out=np.zeros_like(whole), where=alive)


def _reflated(sides: Sides, order: Order, real: _Variances) -> Iterator[Cell]:
    """Resampled cells whose variances are those that the images tell: means of classes drawn in to
    the variance between classes, images about them spread out to the variance inside (Carpenter,
    Goldstein and Rasbash 2003, "A novel bootstrap procedure for assessing the relationship between
    class size and achievement", Appl. Statist. 52). Plain draws would count chance twice."""
    seen = np.maximum(real.between, 0) + real.chance
    drawn_in = np.divide(np.maximum(real.between, 0), seen, out=np.zeros_like(seen), where=seen > 0)
    kept, middle, origin = np.sqrt(drawn_in[:, 0]), real.middle[:, 0], _origin(sides)
    for cell in arranged_cells(sides, order):
        means, inside = [], []
        for side, n in enumerate(cell.n):
            mean, wide = cell.means[side], n / (n - 1)
            about = mean[0] + cell.origin - origin - middle[side]
            moved = mean[0] - (1 - kept[side]) * about
            means.append(moved + np.sqrt(wide) * (mean - mean[0]))
            inside.append(cell.inside[side] * wide)
        yield Cell(cell.n, (means[0], means[1]), (inside[0], inside[1]), cell.origin)


def _judged(
    found: Float64[np.ndarray, "r s k"],
    sides: Sides,
    arranged: Callable[[Sides, Order], Float64[np.ndarray, "r s c"]],
    *,
    n_orders: int,
    paired: bool,
    seed: int,
) -> list[Judged]:
    """Of s statistics; entry 0 of `found` is the real arrangement, then come the first orders."""
    value, null = found[0], np.abs(found[1:])

    def again(columns: Integer[np.ndarray, " c"], batch: int) -> Float64[np.ndarray, "r s c"]:
        mine = sides._replace(a=sides.a[:, columns], b=sides.b[:, columns])
        return arranged(mine, Order(orders.BATCH, paired, (seed, 1 + batch)))[1:]

    p = orders.p_values(value, null, again, n_orders=n_orders)
    chance, chance_95 = null.mean(0), np.quantile(null, 0.95, axis=0)
    return [Judged(*one) for one in zip(value, chance, chance_95, p, strict=True)]


def _compared(
    a: Float[np.ndarray, "n k"],
    classes_a: Integer[np.ndarray, " n"],
    b: Float[np.ndarray, "m k"],
    classes_b: Integer[np.ndarray, " m"],
    classes: Integer[np.ndarray, " y"],
) -> Sides:
    """The arguments without the images of other classes."""
    in_a, in_b = np.isin(classes_a, classes), np.isin(classes_b, classes)
    return Sides(a[in_a], classes_a[in_a], b[in_b], classes_b[in_b], classes)
