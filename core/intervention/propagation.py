"""After a concept is edited, the concepts that usually go with it follow.

Two ways: a Gaussian over scores, and tables of labels. Neither is the head's doing: they say what
the images at hand make likely.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

from core import bottleneck


class Propagated(NamedTuple):
    scores: Float64[np.ndarray, "n k"]
    moved: Bool[np.ndarray, "n k"]
    """concepts that followed, by more than the threshold; never the edited ones"""


@dataclass(frozen=True)
class Gaussian:
    mean: Float64[np.ndarray, " k"]
    covariance: Float64[np.ndarray, "k k"]
    n: int
    """images it was measured on"""


def fit_gaussian(scores: Float[np.ndarray, "n k"]) -> Gaussian:
    """Raises ValueError below two images."""
    if len(scores) < 2:
        raise ValueError(f"a covariance needs at least two images, got {len(scores)}")
    x = scores.astype(np.float64)
    mean = x.mean(0)
    return Gaussian(mean, (x - mean).T @ (x - mean) / (len(x) - 1), len(x))


def by_gaussian(
    model: Gaussian,
    scores: Float[np.ndarray, "n k"],
    edits: Mapping[int, float],
    *,
    ridge: float = 1e-3,
    keep_residual: bool = True,
    threshold: float = 0.1,
) -> Propagated:
    """u_k += S_kJ (S_JJ + ridge v I)^-1 (new_J - old_J), v the mean variance of the edited J.

    That is the conditional mean's change, so what is particular to the image stays; without
    `keep_residual` the others become the conditional mean mu_k + S_kJ S_JJ^-1 (new_J - mu_J)
    itself. `threshold` is in standard deviations. Raises ValueError when S_JJ is singular, which
    only ridge 0 allows.
    """
    edited = bottleneck.intervene(scores.astype(np.float64), edits)
    columns = np.array(sorted(edits), dtype=np.int64)
    others = np.setdiff1d(np.arange(scores.shape[1]), columns)
    moved = np.zeros(scores.shape, dtype=bool)
    if not edits:
        return Propagated(edited, moved)
    inner = model.covariance[np.ix_(columns, columns)]
    level = float(np.diag(inner).mean())
    # concepts that never vary carry nothing along; any scale then gives the right answer, 0
    inner = inner + ridge * (level if level > 0 else 1.0) * np.eye(len(columns))
    if np.linalg.matrix_rank(inner, hermitian=True) < len(columns):
        raise ValueError(
            f"the scores of concepts {columns.tolist()} determine each other, or never vary, over "
            f"the {model.n} images, so setting them apart has no conditional; edit fewer of them "
            "together, or use a ridge above 0"
        )
    plain = np.broadcast_to(model.mean, scores.shape)
    start = scores.astype(np.float64) if keep_residual else plain
    gain = np.linalg.solve(inner, model.covariance[np.ix_(columns, others)])
    edited[:, others] = start[:, others] + (edited[:, columns] - start[:, columns]) @ gain
    spread = np.sqrt(np.diag(model.covariance))
    moved[:, others] = (np.abs(edited - scores) > threshold * spread)[:, others]
    return Propagated(edited, moved)


@dataclass(frozen=True)
class Table:
    """How often concept c' is present beside concept c, over images where both are known."""

    given: Float64[np.ndarray, "2 k k"]
    """[s, c, c']: p(c' present | c in state s), 0..1; s 1 present, 0 absent"""
    n: Integer[np.ndarray, "2 k k"]
    """images in that state; small numbers are why the share is smoothed"""


def fit_table(
    labels: Float[np.ndarray, "n k"],
    *,
    smoothing: float = 1.0,
    classes: Integer[np.ndarray, " n"] | None = None,
    given_class: int | None = None,
) -> Table:
    """(n(c, c') + smoothing) / (n(c) + 2 smoothing), from labels 1, 0 or NaN (unknown).

    With `classes` and `given_class`, over that class alone: p(c'|c, y). Without any image and with
    smoothing it is 0.5, without smoothing NaN. (The counts are what ECBM's released code shows as
    conditional probabilities: Xu et al. 2024, arXiv 2401.14142.)
    """
    if (classes is None) != (given_class is None):
        raise ValueError("p(c'|c, y) needs both `classes` and `given_class`")
    if smoothing < 0:
        raise ValueError(f"smoothing adds images, so it cannot be {smoothing}")
    rows = labels if classes is None else labels[classes == given_class]
    known, shown = (~np.isnan(rows)).astype(np.float64), (rows == 1).astype(np.float64)
    states = np.stack([known - shown, shown])
    n = np.matmul(states.transpose(0, 2, 1), known)
    both = np.matmul(states.transpose(0, 2, 1), shown)
    bottom = n + 2 * smoothing
    share = np.divide(both + smoothing, bottom, out=np.full(n.shape, np.nan), where=bottom > 0)
    return Table(share, n.astype(np.int64))


def by_table(
    table: Table,
    scores: Float[np.ndarray, "n k"],
    edits: Mapping[int, float],
    *,
    presence: Float[np.ndarray, "n k"],
    present: Float[np.ndarray, " k"],
    absent: Float[np.ndarray, " k"],
    threshold: float = 0.05,
) -> Propagated:
    """`edits` are degrees of presence, 0..1: 1 makes a concept present.

    The log odds of c' change by those of p(c' | edited c) over those of p(c' | c as it was), where
    a degree mixes the two states; edits add up as if independent given c'. Scores then move by
    (new - old presence) x (present - absent), the typical scores; edited ones to the mixture of
    the two. `threshold` is a change of presence. NaN (no such image) moves nothing.
    """
    off = {k: v for k, v in edits.items() if not 0 <= v <= 1}
    if off:
        raise ValueError(f"edits are degrees of presence, 0..1; got {off}")
    old = presence.astype(np.float64)
    odds = np.zeros_like(old)
    for k, degree in edits.items():
        before = old[:, [k]] * table.given[1, k] + (1 - old[:, [k]]) * table.given[0, k]
        after = degree * table.given[1, k] + (1 - degree) * table.given[0, k]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.log(after / (1 - after)) - np.log(before / (1 - before))
        odds += np.nan_to_num(step, nan=0.0)
    # p / (p + (1 - p) exp(-odds)) keeps 0 and 1 where they are
    open_ = (old > 0) & (old < 1)
    with np.errstate(over="ignore", invalid="ignore"):
        new = np.where(open_, old / (old + (1 - old) * np.exp(-odds)), old)
    for k, degree in edits.items():
        new[:, k] = degree
    reach = present - absent
    follows = ~np.isnan(reach)
    out = scores.astype(np.float64) + np.where(
        follows, (new - old) * np.where(follows, reach, 0), 0
    )
    for k, degree in edits.items():
        if follows[k]:
            out[:, k] = degree * present[k] + (1 - degree) * absent[k]
    moved = (np.abs(new - old) > threshold) & follows
    moved[:, list(edits)] = False
    return Propagated(out, moved)
