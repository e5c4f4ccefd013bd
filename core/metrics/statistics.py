"""What is stored about a concept's scores: moments, quantiles, histogram, example groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Integer

N_BINS = 40
SHOWN = {"top": 24}
"""images kept in a group; others keep 12"""
_QUANTILES = (("95-99 %", 0.95, 0.99), ("75-95 %", 0.75, 0.95), ("25-75 %", 0.25, 0.75))


@dataclass(frozen=True)
class Histogram:
    lo: float
    hi: float
    counts: Integer[np.ndarray, " bins"]
    n_zero: int


def histogram(scores: Float[np.ndarray, " n"], *, signed: bool) -> Histogram:
    """40 equal bins over the scores; images at exactly 0 are counted apart for sparse banks."""
    kept = scores if signed else scores[scores != 0]
    if kept.size == 0:
        return Histogram(0.0, 0.0, np.zeros(N_BINS, dtype=np.int64), int(scores.size))
    lo, hi = float(kept.min()), float(kept.max())
    if lo == hi:  # numpy would widen the range by itself, and then the edges would be invented
        counts = np.zeros(N_BINS, dtype=np.int64)
        counts[-1] = kept.size
        return Histogram(lo, hi, counts, scores.size - kept.size)
    counts, _ = np.histogram(kept, bins=N_BINS, range=(lo, hi))
    return Histogram(lo, hi, counts, int(scores.size - kept.size))


def summary(scores: Float[np.ndarray, "n k"]) -> dict[str, Float64[np.ndarray, " k"]]:
    """Columns of the table `concept`, over all images with zeros included."""
    q = np.quantile(scores, [0.05, 0.25, 0.5, 0.75, 0.95], axis=0)
    return {
        "mean": scores.mean(0),
        "std": scores.std(0),
        "score_min": scores.min(0),
        "score_q05": q[0],
        "score_q25": q[1],
        "score_q50": q[2],
        "score_q75": q[3],
        "score_q95": q[4],
        "score_max": scores.max(0),
    }


def entropy(weights: Float[np.ndarray, "k m"]) -> Float64[np.ndarray, " k"]:
    """Bits, of each row normalised to sum 1; 0 for a row of zeros."""
    total = weights.sum(1, keepdims=True)
    p = np.divide(weights, total, out=np.zeros_like(weights, dtype=np.float64), where=total > 0)
    logs = np.log2(p, out=np.zeros_like(p), where=p > 0)
    return np.abs(-(p * logs).sum(1))


@dataclass(frozen=True)
class Group:
    name: str
    lo: float
    hi: float
    n: int
    members: Integer[np.ndarray, " m"]
    """rows of the images kept, by score descending"""


def example_groups(scores: Float[np.ndarray, " n"], *, signed: bool, seed: int) -> list[Group]:
    """Quantile groups of one concept, and two controls.

    The quantiles are of the active images (score not 0; all images for a signed bank). "top" holds
    the strongest; each quantile group a seeded draw; "random active" a seeded draw of all active
    ones; "near zero" the images of smallest magnitude; "most negative" the lowest of a signed bank.
    """
    rng = np.random.default_rng(seed)
    order = np.lexsort((np.arange(len(scores)), -scores))
    active = order if signed else order[scores[order] > 0]
    n = len(active)
    groups: list[Group] = []

    def add(name: str, pool: Integer[np.ndarray, " m"], kept: Integer[np.ndarray, " s"]) -> None:
        if len(pool):
            kept = kept[np.lexsort((kept, -scores[kept]))]
            values = scores[pool]
            groups.append(Group(name, float(values.min()), float(values.max()), len(pool), kept))

    def draw(pool: Integer[np.ndarray, " m"]) -> Integer[np.ndarray, " s"]:
        return pool if len(pool) <= 12 else rng.choice(pool, 12, replace=False)

    top = active[: SHOWN["top"]]
    add("top", top, top)
    for name, low, high in _QUANTILES:
        # positions in descending order; images already in "top" are not shown twice
        start = max(int(np.floor((1 - high) * n)), len(top))
        pool = active[start : int(np.floor((1 - low) * n))]
        add(name, pool, draw(pool))
    add("random active", active, draw(active))
    by_size = np.lexsort((np.arange(len(scores)), np.abs(scores)))
    silent = np.flatnonzero(scores == 0)
    near = draw(silent) if len(silent) >= 12 else by_size[:12]
    add("near zero", silent if len(silent) >= 12 else near, near)
    if signed:
        lowest = order[::-1][:12]
        add("most negative", lowest, lowest)
    return groups
