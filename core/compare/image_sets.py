"""Two sets of images compared concept by concept: what one shows more of than the other.

Energy and its squashed difference follow Bohacek et al. 2025 ("Uncovering conceptual blindspots in
generative image models using sparse autoencoders", arXiv 2506.19708); their energy sums over
tokens, this one is the mean score: the temperature takes up the factor. Two sets can differ in
which concepts go with which classes without any concept being more frequent: see `class_shifts`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64

RESAMPLES = 200


@dataclass(frozen=True)
class Comparison:
    """Per concept; differences are b minus a, in the unit of the scores."""

    energy_a: Float64[np.ndarray, " k"]
    """mean score"""
    energy_b: Float64[np.ndarray, " k"]
    lo: Float64[np.ndarray, " k"]
    """95 % bootstrap interval of the energy difference"""
    hi: Float64[np.ndarray, " k"]
    active_a: Float64[np.ndarray, " k"]
    """prevalence: share of images with a positive score, 0..1"""
    active_b: Float64[np.ndarray, " k"]


def compare(
    a: Float[np.ndarray, "n k"],
    b: Float[np.ndarray, "m k"],
    *,
    paired: bool = False,
    n_resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Raises ValueError when a side has no image, and when rows cannot be `paired`.

    The interval is the percentile bootstrap: images of each side drawn with replacement, or pairs
    of images where row i of both sides is the same image before and after something.
    """
    if not len(a) or not len(b):
        raise ValueError("a side of the comparison has no image; loosen its filter")
    if paired and len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} images cannot be pairs")
    rng = np.random.default_rng(seed)
    if paired:
        drawn = _resampled(b.astype(np.float64) - a, n_resamples, rng)
    else:
        drawn = _resampled(b, n_resamples, rng) - _resampled(a, n_resamples, rng)
    lo, hi = np.quantile(drawn, [0.025, 0.975], axis=0)
    return Comparison(
        a.mean(0, dtype=np.float64),
        b.mean(0, dtype=np.float64),
        lo,
        hi,
        (a > 0).mean(0),
        (b > 0).mean(0),
    )


def _resampled(
    x: Float[np.ndarray, "n k"], n_resamples: int, rng: np.random.Generator
) -> Float64[np.ndarray, "r k"]:
    """Means of samples with replacement: how often each image is drawn, times the images."""
    n = len(x)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    return counts.astype(np.float64) @ x.astype(np.float64) / n


def temperature(differences: Float[np.ndarray, " k"]) -> float:
    """Where the 95 % quantile of |difference|, over concepts that differ at all, has delta 0.9: the
    strongest twentieth then lies beyond 0.1 and 0.9, the marks of the paper. (The median would put
    most of a sparse bank there, for its rare concepts hardly differ.) 1 when none differs."""
    sizes = np.abs(differences[differences != 0])
    return float(np.quantile(sizes, 0.95) / np.log(9)) if len(sizes) else 1.0


def delta(differences: Float[np.ndarray, " k"], temperature: float) -> Float64[np.ndarray, " k"]:
    """sigmoid(difference / temperature), 0..1: 0.5 says equal, 1 only in b, 0 only in a."""
    if not temperature > 0:
        raise ValueError(f"the temperature must be larger than 0, not {temperature}")
    scaled = np.clip(differences.astype(np.float64) / temperature, -500, 500)  # exp overflows later
    return np.asarray(1 / (1 + np.exp(-scaled)))
