"""Editing the codes of some latents: off, up or down, to a value, or as far as they speak for it.

An edit takes the codes of the latents that are edited, at tokens or of images, and returns new
ones; nothing is changed in place. What a bank does not reconstruct stays as it is: the edited
activation is x + (z' - z) @ directions, so an edit that changes no code changes nothing at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer

MODES = ("ablate", "scale", "clamp", "suppress")


@dataclass(frozen=True)
class Posterior:
    """How likely a concept is, given the score of a latent; from counts in equal bins."""

    edges: Float64[np.ndarray, "m e"]
    probability: Float64[np.ndarray, "m s"]
    """p(c | a in bin), 0..1"""
    n: Integer[np.ndarray, "m s"]
    """images in the bin"""

    def at(self, scores: Float[np.ndarray, "n m"]) -> Float64[np.ndarray, "n m"]:
        """Beyond the observed range the outermost bin answers."""
        out = np.empty(scores.shape)
        for j, edges in enumerate(self.edges):
            out[:, j] = self.probability[j, np.searchsorted(edges[1:-1], scores[:, j], "right")]
        return out


def posterior(
    scores: Float[np.ndarray, "n m"],
    shown: Bool[np.ndarray, " n"],
    *,
    n_bins: int = 10,
    prior: float | None = None,
    smoothing: float = 0.5,
) -> Posterior:
    """p(a|c) p(c) / (p(a|c) p(c) + p(a|not c) p(not c)), by Bayes from two histograms a latent.

    Bins are shared by both kinds of image and span the latent's range; each gets `smoothing`
    images of either kind, so that an empty one says little. `prior` is p(c), by default the share
    of `shown`. Raises ValueError when all images are of one kind.
    """
    if shown.all() or not shown.any():
        raise ValueError(
            f"{int(shown.sum())} of {len(shown)} images show the concept; a posterior needs images "
            "with and without it"
        )
    base = float(shown.mean()) if prior is None else prior
    low, high = scores.min(0).astype(np.float64), scores.max(0).astype(np.float64)
    edges = np.linspace(low, np.where(high > low, high, low + 1), n_bins + 1, axis=1)
    counts = np.empty((2, len(edges), n_bins), np.int64)
    for j in range(len(edges)):
        place = np.searchsorted(edges[j, 1:-1], scores[:, j], side="right")
        for kind in (0, 1):
            counts[kind, j] = np.bincount(place[shown == bool(kind)], minlength=n_bins)
    smooth = counts + smoothing
    absent, present = smooth / smooth.sum(-1, keepdims=True)
    odds = present * base
    return Posterior(edges, odds / (odds + absent * (1 - base)), counts.sum(0))


def edited(
    codes: Float[np.ndarray, "n *t m"],
    mode: str,
    *,
    strength: float = 0.0,
    likely: Float[np.ndarray, "n m"] | None = None,
    where: Bool[np.ndarray, " n"] | None = None,
) -> Float64[np.ndarray, "n *t m"]:
    """New codes. Image-level scores (no axis t) are edited as every token of the image would be.

    ablate: 0. scale: times `strength`. clamp: `strength` at every token. suppress: times
    1 - `likely`, the posterior of the concept given each image's own score, so a latent is
    weakened only as far as its activation speaks for the concept (partial suppression by
    posterior, after Muhamed et al. 2025, arXiv 2508.15094; there on single tokens).
    `where`: images that are edited, the others stay exactly as they were (gated suppression).
    Raises ValueError for another mode or a strength that is no number.
    """
    if mode not in MODES:
        raise ValueError(f"unknown edit {mode!r}; choose from {', '.join(MODES)}")
    if not np.isfinite(strength):
        raise ValueError(f"a latent cannot be edited by {strength}; give a finite number")
    out: np.ndarray[Any, Any] = codes.astype(np.float64)
    if mode == "suppress":
        if likely is None:
            raise ValueError("suppression needs the posterior of the concept; pass `likely`")
        between = (len(codes), *(1 for _ in codes.shape[1:-1]), codes.shape[-1])
        out *= 1 - likely.reshape(between)
    elif mode == "clamp":
        out[...] = strength
    else:
        out *= 0.0 if mode == "ablate" else strength
    if where is not None:
        out[~where] = codes[~where]
    return out


def threshold(scores: Float[np.ndarray, " n"], shown: Bool[np.ndarray, " n"]) -> float:
    """From which score on a concept counts as detected: where hits minus false alarms is largest.

    (Youden 1950.) `shown`: whether the image shows it. Of equally good ones the highest. Raises
    ValueError when all images are of one kind.
    """
    if shown.all() or not shown.any():
        raise ValueError("a threshold needs images with and without the concept")
    values, place = np.unique(scores.astype(np.float64), return_inverse=True)
    hits = np.bincount(place[shown], minlength=len(values))
    alarms = np.bincount(place[~shown], minlength=len(values))
    at_least = [np.cumsum(part[::-1])[::-1] / part.sum() for part in (hits, alarms)]
    better = at_least[0] - at_least[1]
    return float(values[np.flatnonzero(better >= better.max() - 1e-12)[-1]])
