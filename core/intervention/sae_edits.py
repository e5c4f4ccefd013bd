"""Editing codes of a dictionary: switch latents off, turn them up or down, or only where wanted.

An edit takes codes, at tokens or images, and returns new ones; nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer


def scale(
    codes: Float[np.ndarray, "*n k"], latents: Sequence[int], factor: float
) -> Float64[np.ndarray, "*n k"]:
    """0 ablates, 1 leaves as it is, above 1 amplifies; a negative factor turns the code round."""
    out = _copy(codes, latents, factor)
    out[..., list(latents)] *= factor
    return out


def ablate(codes: Float[np.ndarray, "*n k"], latents: Sequence[int]) -> Float64[np.ndarray, "*n k"]:
    """As if the latents never fired."""
    return clamp(codes, latents, 0.0)


def clamp(
    codes: Float[np.ndarray, "*n k"], latents: Sequence[int], value: float
) -> Float64[np.ndarray, "*n k"]:
    """Every position gets the same code."""
    out = _copy(codes, latents, value)
    out[..., list(latents)] = value
    return out


@dataclass(frozen=True)
class Posterior:
    """How likely a concept is, given the activation of some latents; from counts in equal bins."""

    latents: tuple[int, ...]
    edges: Float64[np.ndarray, "s e"]
    probability: Float64[np.ndarray, "s m"]
    """p(c | a in bin), 0..1"""
    n: Integer[np.ndarray, "s m"]
    """images in the bin"""

    def at(self, codes: Float[np.ndarray, "*n k"]) -> Float64[np.ndarray, "*n s"]:
        """Beyond the observed range the outermost bin answers."""
        out = np.empty((*codes.shape[:-1], len(self.latents)))
        for s, k in enumerate(self.latents):
            place = np.searchsorted(self.edges[s, 1:-1], codes[..., k], side="right")
            out[..., s] = self.probability[s, place]
        return out


def posterior(
    codes: Float[np.ndarray, "n k"],
    latents: Sequence[int],
    shown: Bool[np.ndarray, " n"],
    *,
    n_bins: int = 20,
    prior: float | None = None,
    smoothing: float = 1.0,
) -> Posterior:
    """p(a|c) p(c) / (p(a|c) p(c) + p(a|not c) p(not c)), by Bayes from two histograms a latent.

    Bins are shared by both kinds of image and span the latent's range; each gets `smoothing`
    images of either kind. `prior` is p(c), by default the share of `shown`. Raises ValueError
    when all images are of one kind.
    """
    _check(codes.shape[1], latents)
    if shown.all() or not shown.any():
        raise ValueError(
            f"{int(shown.sum())} of {len(shown)} images show the concept; a posterior needs images "
            "with and without it"
        )
    base = float(shown.mean()) if prior is None else prior
    edges = np.empty((len(latents), n_bins + 1))
    counts = np.empty((2, len(latents), n_bins), np.int64)
    for s, k in enumerate(latents):
        low, high = float(codes[:, k].min()), float(codes[:, k].max())
        edges[s] = np.linspace(low, high if high > low else low + 1, n_bins + 1)
        place = np.searchsorted(edges[s, 1:-1], codes[:, k], side="right")
        for kind in (0, 1):
            counts[kind, s] = np.bincount(place[shown == bool(kind)], minlength=n_bins)
    smooth = counts + smoothing
    absent, present = smooth / smooth.sum(-1, keepdims=True)
    odds = present * base
    return Posterior(tuple(latents), edges, odds / (odds + absent * (1 - base)), counts.sum(0))


def suppress(codes: Float[np.ndarray, "*n k"], found: Posterior) -> Float64[np.ndarray, "*n k"]:
    """a (1 - p(c|a)): weakens a latent only as far as its activation speaks for the concept.

    (After the partial suppression of arXiv 2508.15094.)
    """
    out = _copy(codes, found.latents, 0.0)
    out[..., list(found.latents)] *= 1 - found.at(codes)
    return out


def detected(
    scores: Float[np.ndarray, "n k"], latents: Sequence[int], *, threshold: float
) -> Bool[np.ndarray, " n"]:
    """Images in which the latents together reach the threshold, in units of score."""
    _check(scores.shape[-1], latents)
    return scores[:, list(latents)].astype(np.float64).sum(1) >= threshold


def gated(
    codes: Float[np.ndarray, "n *t k"],
    edited: Float[np.ndarray, "n *t k"],
    where: Bool[np.ndarray, " n"],
) -> Float[np.ndarray, "n *t k"]:
    """The edited codes for the images of `where`, the others exactly as they were."""
    out = codes.astype(np.float64)
    out[where] = edited[where]
    return out


def _copy(
    codes: Float[np.ndarray, "*n k"], latents: Sequence[int], value: float
) -> Float64[np.ndarray, "*n k"]:
    _check(codes.shape[-1], latents)
    if not np.isfinite(value):
        raise ValueError(f"a latent cannot be edited by {value}; give a finite number")
    return codes.astype(np.float64)


def _check(n_latents: int, latents: Sequence[int]) -> None:
    wrong = [k for k in latents if not 0 <= k < n_latents]
    if wrong:
        raise IndexError(f"no latent {wrong[0]}: the codes have 0..{n_latents - 1}")
