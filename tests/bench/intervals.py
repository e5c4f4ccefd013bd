"""How often 95 % intervals of how labels are told hold what very many images have.

Labels are drawn with a share, scores are normal and lie apart by so many of their standard
deviations; of images with the label they may spread wider. Below, means over labels that go
together. Wanted is 92 to 98 %.
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.stats import norm

from core.metrics import label_ranking, macro_ranking

SETS = 1000
SIZES = (20, 50, 350)
SHARES = (0.5, 0.2, 0.05, 0.02)
APART = (0.0, 1.0, 2.0)
SPREAD = (1.0, 2.0)
MANY = 400_000


def report() -> None:
    print(f"95 % intervals that hold, of {SETS:,} drawn sets, and their mean width")
    print("     n  share  apart  spread      AUROC           average precision")
    for n, share, apart, spread in itertools.product(SIZES, SHARES, APART, SPREAD):
        if n * share >= 1:
            _alone(n, share, apart, spread)
    print("     n  labels  together   mean AUROC      mean average precision")
    for n, together in itertools.product(SIZES, (0.0, 0.4)):
        for share, apart in (
            (np.full(5, 0.3), np.full(5, 1.0)),
            (np.tile([0.05, 0.1, 0.2, 0.3, 0.5], 2), np.tile([0, 0.5, 1, 1.5, 2], 2)),
        ):
            _means(n, share, apart, together)
    print()


def _drawn(
    n: int, share: np.ndarray, apart: np.ndarray, together: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels, 1 or 0, that share a part of their variance."""
    parts = rng.normal(size=(2, n, 1)) * together**0.5
    drawn = parts + rng.normal(size=(2, n, len(share))) * (1 - together) ** 0.5
    y = (norm.cdf(drawn[0]) < share).astype(float)
    return drawn[1] + apart * y, y


def _alone(n: int, share: float, apart: float, spread: float) -> None:
    def drawn(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        positive = rng.random(n) < share
        return rng.normal(size=n) * np.where(positive, spread, 1) + apart * positive, positive

    rng = np.random.default_rng(0)
    measures = (label_ranking.area, label_ranking.average_precision)
    true = [measure(*drawn(MANY, rng)).value for measure in measures]
    held: list[list[bool]] = [[], []]
    wide: list[list[float]] = [[], []]
    for _ in range(SETS):
        scores, positive = drawn(n, rng)
        if not 0 < positive.sum() < n:
            continue
        for i, measure in enumerate(measures):
            found = measure(scores, positive)
            held[i].append(found.lo <= true[i] <= found.hi)
            wide[i].append(found.hi - found.lo)
    told = "   ".join(_told(*pair) for pair in zip(held, wide, strict=True))
    print(f"{n:>6}{share:>7.2f}{apart:>7.1f}{spread:>8.1f}   {told}")


def _means(n: int, share: np.ndarray, apart: np.ndarray, together: float) -> None:
    rng = np.random.default_rng(0)
    measures = (macro_ranking.areas, macro_ranking.precisions)
    many = _drawn(MANY, share, apart, together, rng)
    true = [measure(*many).values for measure in measures]
    held: list[list[bool]] = [[], []]
    wide: list[list[float]] = [[], []]
    for _ in range(SETS):
        z, y = _drawn(n, share, apart, together, rng)
        for i, measure in enumerate(measures):
            found = measure(z, y)
            one, judged = macro_ranking.mean(found), ~np.isnan(found.values)
            if judged.any():
                held[i].append(one.lo <= true[i][judged].mean() <= one.hi)
                wide[i].append(one.hi - one.lo)
    told = "   ".join(_told(*pair) for pair in zip(held, wide, strict=True))
    print(f"{n:>6}{len(share):>8}{together:>10.1f}   {told}")


def _told(held: list[bool], wide: list[float]) -> str:
    return f"{100 * np.mean(held):5.1f} % ({np.mean(wide):.2f})"
