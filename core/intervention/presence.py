"""How likely a concept is present, from its score: a logistic curve fitted to the labels.

Platt 1999: p = 1 / (1 + exp(-(slope score + intercept))), fitted to targets (p + 1) / (p + 2) and
1 / (q + 2) for p present and q absent images, so that concepts which labels separate perfectly
keep a finite slope. A score is a margin or a code, not a probability; policies need one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Integer

_STEPS = 60


@dataclass(frozen=True)
class Presence:
    slope: Float64[np.ndarray, " k"]
    """log odds per unit of score; 0 where the score is constant"""
    intercept: Float64[np.ndarray, " k"]
    n_present: Integer[np.ndarray, " k"]
    n_absent: Integer[np.ndarray, " k"]

    def probability(self, scores: Float[np.ndarray, "*n k"]) -> Float64[np.ndarray, "*n k"]:
        """0..1; 0.5 for a concept that no label is known of."""
        return np.exp(-np.logaddexp(0.0, -(scores * self.slope + self.intercept)))


def fit(scores: Float[np.ndarray, "n k"], labels: Float[np.ndarray, "n k"]) -> Presence:
    """Labels are 1, 0 or NaN (unknown, not used)."""
    known = ~np.isnan(labels)
    present, absent = (labels == 1).sum(0), (labels == 0).sum(0)
    n = np.maximum(known.sum(0), 1)
    raw = np.where(known, scores.astype(np.float64), 0.0)
    mean = raw.sum(0) / n
    spread = np.sqrt((np.where(known, raw - mean, 0.0) ** 2).sum(0) / n)
    varies = spread > 1e-12 * np.abs(mean)
    scale = np.where(varies, spread, 1.0)
    x = np.where(known & varies, (raw - mean) / scale, 0.0)
    target = np.where(labels == 1, (present + 1) / (present + 2), 1 / (absent + 2))
    target = np.where(known, target, 0.0)
    # where the score says nothing this is already the optimum
    share = np.where(known.any(0), target.sum(0) / n, 0.5)
    a, b = np.zeros(len(n)), np.log(share) - np.log1p(-share)
    loss = _loss(a, b, x, target, known)
    for _ in range(_STEPS):
        step_a, step_b = _newton(a, b, x, target, known)
        size = np.ones(len(n))
        # a full Newton step can overshoot; halve it where the loss would rise
        for _ in range(30):
            tried = _loss(a + size * step_a, b + size * step_b, x, target, known)
            worse = tried > loss + 1e-12 * np.abs(loss)
            if not worse.any():
                break
            size = np.where(worse, size / 2, size)
        size = np.where(worse, 0.0, size)
        a, b, loss = a + size * step_a, b + size * step_b, np.where(worse, loss, tried)
        if max(np.abs(size * step_a).max(initial=0), np.abs(size * step_b).max(initial=0)) < 1e-10:
            break
    a = np.where(varies, a, 0.0)
    return Presence(a / scale, b - a * mean / scale, present, absent)


def _newton(
    a: Float64[np.ndarray, " k"],
    b: Float64[np.ndarray, " k"],
    x: Float64[np.ndarray, "n k"],
    target: Float64[np.ndarray, "n k"],
    known: np.ndarray,
) -> tuple[Float64[np.ndarray, " k"], Float64[np.ndarray, " k"]]:
    p = np.where(known, np.exp(-np.logaddexp(0.0, -(a * x + b))), 0.0)
    off, curve = p - target, p * (1 - p)
    # the ridge decides where a score is constant or nothing is known, and nowhere else
    aa = (curve * x * x).sum(0) + 1e-9
    bb = curve.sum(0) + 1e-9
    ab = (curve * x).sum(0)
    grad_a, grad_b = (off * x).sum(0), off.sum(0)
    det = aa * bb - ab * ab
    return -(bb * grad_a - ab * grad_b) / det, -(aa * grad_b - ab * grad_a) / det


def _loss(
    a: Float64[np.ndarray, " k"],
    b: Float64[np.ndarray, " k"],
    x: Float64[np.ndarray, "n k"],
    target: Float64[np.ndarray, "n k"],
    known: np.ndarray,
) -> Float64[np.ndarray, " k"]:
    z = a * x + b
    return np.where(known, np.logaddexp(0.0, z) - target * z, 0.0).sum(0)
