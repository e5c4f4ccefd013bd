"""After a concept is edited, the concepts that usually go with it follow.

By a Gaussian over scores. That is not the head's doing: it says what the images at hand make
likely.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Float64

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
    """u_k += S_kJ D^-1 (R_JJ + ridge I)^-1 D^-1 (new_J - old_J), R_JJ = D^-1 S_JJ D^-1 the
    correlation of the edited J and D their standard deviations: the same whatever their scales.

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
    spread = np.sqrt(np.diag(model.covariance))
    # concepts that never vary carry nothing along; any scale then gives the right answer, 0
    scale = np.where(spread > 0, spread, 1.0)[columns]
    inner = model.covariance[np.ix_(columns, columns)] / np.outer(scale, scale)
    inner = inner + ridge * np.eye(len(columns))
    if np.linalg.matrix_rank(inner, hermitian=True) < len(columns):
        raise ValueError(
            f"the scores of concepts {columns.tolist()} determine each other, or never vary, over "
            f"the {model.n} images, so setting them apart has no conditional; edit fewer of them "
            "together, or use a ridge above 0"
        )
    plain = np.broadcast_to(model.mean, scores.shape)
    start = scores.astype(np.float64) if keep_residual else plain
    gain = np.linalg.solve(inner, model.covariance[np.ix_(columns, others)] / scale[:, None])
    steps = (edited[:, columns] - start[:, columns]) / scale
    edited[:, others] = start[:, others] + steps @ gain
    moved[:, others] = (np.abs(edited - scores) > threshold * spread)[:, others]
    return Propagated(edited, moved)
