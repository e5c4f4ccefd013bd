"""Whether importances say what a logit does: each method beside random orders and directions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
import torch
from jaxtyping import Bool, Float, Float64, Integer
from scipy.sparse import csc_array
from torch import Tensor

from core import bottleneck
from core.importance import (
    METHODS,
    MOST_STEPS,
    Function,
    LinearLogit,
    c_deletion,
    c_insertion,
    mu_fidelity,
    span,
)
from core.kinds import FITTED
from core.sampling import evenly
from core.types import Head
from data import write
from precompute.heads import Fitted
from precompute.intake import Build

JUDGED, COMPARED = 96, 24
"""held-out images of a head that are judged, evenly over the predicted classes (of several labels
pairs of an image and a label that is said of it, evenly over the labels); those of them on which
all methods are run, to see which give the same"""
SHUFFLES = 4
"""random orders an image behind each `random`"""
SAME = 1e-9
"""largest difference, as a share of the largest importance, of methods that give the same"""
_SAME_COLUMNS = ["method", "same_as", "difference", "n"]
EXACT = "linear"
"""the method that the others are compared with on a linear head"""

Pairs = dict[tuple[str, str], Float64[np.ndarray, "_ 3"]]
"""by method and metric each image's value, its mean over random orders, and what both are a share
of: of areas, how far all concepts together move the logit; of correlations, 1"""


class JudgedHead(NamedTuple):
    """A head, what it reads, and the same on random directions; None: they have none."""

    head_id: int
    title: str
    fitted: Fitted
    control: Fitted | None
    methods: Sequence[str]
    """of importance, those that are judged"""


def put_fidelity(
    con: duckdb.DuckDBPyConnection,
    build: Build,
    heads: Sequence[JudgedHead],
    scores: Float[np.ndarray, "n k"],
    drawn: csc_array,
) -> None:
    """Writes `fidelity` of a bank's linear heads.

    `drawn`: scores of random directions, of the same shape.
    """
    for one in (h for h in heads if h.fitted.linear):
        with build.log.timed(f"fidelity {one.title}", min(JUDGED, len(scores)), "images"):
            rows, best = judged(one.fitted, scores, build.split)
            if not len(rows):
                continue
            pairs = _head(one.fitted.head, scores[rows], best, one.methods, seed=build.seed)
            control: Pairs = {}
            if one.control is not None:
                at, taken = _of_control(one, drawn, rows)
                x = drawn[at].toarray()
                control = _head(one.control.head, x, taken, one.methods, seed=build.seed)
            write.frame(con, "fidelity", table(pairs, control), head_id=one.head_id)


def _of_control(
    one: JudgedHead,
    drawn: csc_array,
    rows: Integer[np.ndarray, " m"],
) -> tuple[Integer[np.ndarray, " c"], Integer[np.ndarray, " c"]]:
    """The rows again, and what the head on random directions takes them for; of several labels the
    pairs of these rows and a label that it says of them."""
    control = one.control
    assert control is not None
    if control.thresholds is not None:
        rows = np.unique(rows)
    rest = None if control.rest is None else control.rest[rows]
    logits = bottleneck.logits(control.head, drawn[rows].toarray(), rest)
    if control.thresholds is None:
        return rows, logits.argmax(1)
    at, taken = by_label(bottleneck.taken(logits, control.thresholds, control.head.link), JUDGED)
    return rows[at], taken


def judged(
    fitted: Fitted, scores: Float[np.ndarray, "n k"], splits: np.ndarray
) -> tuple[Integer[np.ndarray, " m"], Integer[np.ndarray, " m"]]:
    """Rows that are judged, and the class index that each is taken for; of several labels pairs of
    a row and a label that is said of it, of which there may be none."""
    logits = bottleneck.logits(fitted.head, scores, fitted.rest)
    if fitted.thresholds is not None:
        pool = _held_out(splits)
        said = bottleneck.taken(logits[pool], fitted.thresholds, fitted.head.link)
        rows, labels = by_label(said, JUDGED)
        return pool[rows], labels
    best = logits.argmax(1)
    rows = by_class(best, splits, JUDGED)
    return rows, best[rows]


def by_class(
    best: Integer[np.ndarray, " n"], splits: np.ndarray, most: int
) -> Integer[np.ndarray, " m"]:
    """At most so many rows, held-out ones if any, evenly over the classes they are taken for."""
    pool = _held_out(splits)
    # in order of the predicted class, so that even steps meet every class
    pool = pool[np.argsort(best[pool], kind="stable")]
    return np.sort(pool[evenly(len(pool), most)])


def by_label(
    said: Bool[np.ndarray, "n y"], most: int
) -> tuple[Integer[np.ndarray, " m"], Integer[np.ndarray, " m"]]:
    """At most so many pairs of a row and a label that is said of it, evenly over the labels."""
    labels, rows = np.nonzero(said.T)
    chosen = evenly(len(labels), most)
    return rows[chosen], labels[chosen]


def _held_out(splits: np.ndarray) -> Integer[np.ndarray, " m"]:
    found = np.flatnonzero(~np.isin(splits, FITTED))
    return found if len(found) else np.arange(len(splits))


def logit(head: Head, y: int) -> LinearLogit:
    return LinearLogit(torch.from_numpy(head.weight[y].astype(np.float64)), float(head.bias[y]))


def _head(
    head: Head,
    scores: Float[np.ndarray, "m k"],
    best: Integer[np.ndarray, " m"],
    methods: Sequence[str],
    *,
    seed: int,
) -> Pairs:
    """`best` is the class index of each row whose logit is explained."""
    found = []
    for y in np.unique(best):
        function = logit(head, int(y))
        x = torch.from_numpy(scores[best == y].astype(np.float64))
        importances = {name: METHODS[name].run(function, x, seed=seed) for name in methods}
        found.append(tested(function, x, importances, seed=seed, most_steps=MOST_STEPS))
    return joined(found)


def coinciding(
    fitted: Fitted, scores: Float[np.ndarray, "n k"], splits: np.ndarray, *, seed: int
) -> pd.DataFrame:
    """Rows of `same_importance` without the head: methods that were run and gave EXACT.

    All methods in its unit are run on some of the images that are judged.
    """
    rows, best = judged(fitted, scores, splits)
    if not len(rows):
        return pd.DataFrame(columns=_SAME_COLUMNS)
    few = evenly(len(rows), COMPARED)
    return _coinciding(fitted.head, scores[rows[few]], best[few], seed=seed)


def _coinciding(
    head: Head, scores: Float[np.ndarray, "m k"], best: Integer[np.ndarray, " m"], *, seed: int
) -> pd.DataFrame:
    unit = METHODS[EXACT].unit
    apart = {n: 0.0 for n, method in METHODS.items() if n != EXACT and method.unit == unit}
    for y in np.unique(best):
        function = logit(head, int(y))
        x = torch.from_numpy(scores[best == y].astype(np.float64))
        exact = METHODS[EXACT].run(function, x, seed=seed)
        largest = float(exact.abs().max().clamp_min(1e-300))
        for name in apart:
            gap = float((METHODS[name].run(function, x, seed=seed) - exact).abs().max())
            apart[name] = max(apart[name], gap / largest)
    rows = [(name, EXACT, gap, len(best)) for name, gap in apart.items() if gap <= SAME]
    return pd.DataFrame(rows, columns=_SAME_COLUMNS)


def tested(
    function: Function,
    x: Float[Tensor, "n k"],
    importances: Mapping[str, Float[Tensor, "n k"]],
    *,
    seed: int,
    most_steps: int,
) -> Pairs:
    """Each image's metrics, for its importances and, meaned, for them in random orders."""
    generator = torch.Generator().manual_seed(seed)
    draws = [torch.rand(x.shape, generator=generator, dtype=x.dtype) for _ in range(SHUFFLES)]
    pairs: Pairs = {}
    moved = np.abs(span(function, x))
    for metric, area in (("C-insertion", c_insertion), ("C-deletion", c_deletion)):
        # of what is random only the order counts here, so that all methods share it
        random = np.mean([area(function, x, draw, most_steps=most_steps) for draw in draws], axis=0)
        for name, importance in importances.items():
            value = area(function, x, importance, seed=seed, most_steps=most_steps)
            pairs[name, metric] = np.stack([value, random, moved], axis=1)
    asked = [
        values
        for importance in importances.values()
        for values in (importance, *(importance.gather(1, draw.argsort(dim=1)) for draw in draws))
    ]
    found = mu_fidelity(function, x, torch.stack(asked), seed=seed)
    found = found.reshape(len(importances), 1 + SHUFFLES, len(x))
    for name, of_one in zip(importances, found, strict=True):
        random = of_one[1:].mean(0)
        pairs[name, "C-muFidelity"] = np.stack([of_one[0], random, np.ones_like(random)], axis=1)
    return pairs


def joined(found: Sequence[Pairs]) -> Pairs:
    """Images of several functions, one after the other."""
    out: dict[tuple[str, str], list[np.ndarray]] = {}
    for pairs in found:
        for key, values in pairs.items():
            out.setdefault(key, []).append(values)
    return {key: np.concatenate(parts) for key, parts in out.items()}


def table(pairs: Pairs, control: Pairs) -> pd.DataFrame:
    """method, metric, value, random, control (NaN: none), n; of the images that have both numbers.

    Values are shares of sums over images: an area is a share of how far all concepts together move
    the logit, so that heads with logits of different size can be compared. Without a row where
    concepts move no logit.
    """
    rows = []
    for (method, metric), values in pairs.items():
        known = values[~np.isnan(values).any(1)]
        drawn = control.get((method, metric), np.empty((0, 3)))
        drawn = drawn[~np.isnan(drawn[:, [0, 2]]).any(1)]
        total, others = known[:, 2].sum(), drawn[:, 2].sum()
        if total > 0:
            other = drawn[:, 0].sum() / others if others > 0 else np.nan
            value, random = known[:, :2].sum(0) / total
            rows.append((method, metric, value, random, other, len(known)))
    return pd.DataFrame(rows, columns=["method", "metric", "value", "random", "control", "n"])
