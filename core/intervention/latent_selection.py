"""Which latents stand for a set of images: the target's, minus what must stay."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Integer


def by_difference(
    scores: Float[np.ndarray, "n k"], target: Bool[np.ndarray, " n"], *, n: int
) -> Integer[np.ndarray, " m"]:
    """The n latents whose mean is largest on the target images compared with the others.

    Only where it is larger at all, so there may be fewer. (SAUCE, arXiv 2503.14530.)
    """
    if target.all() or not target.any():
        raise ValueError("choose some images, not all: latents are compared with the other images")
    x = scores.astype(np.float64)
    lead = x[target].mean(0) - x[~target].mean(0)
    order = np.argsort(-lead, kind="stable")[:n]
    return order[lead[order] > 0]


def by_exclusion(
    peaks: Float[np.ndarray, "n k"],
    target: Bool[np.ndarray, " n"],
    retained: Sequence[Bool[np.ndarray, " n"]],
    *,
    n: int,
) -> Integer[np.ndarray, " m"]:
    """The target's n highest latents, minus the n highest of every set of images to retain.

    By the largest activation over images; latents that never fire are in no set. (Interpret then
    deactivate, arXiv 2503.09446.)
    """
    out = _highest(peaks, target, n)
    for others in retained:
        out = out[~np.isin(out, _highest(peaks, others, n))]
    return out


def _highest(
    peaks: Float[np.ndarray, "n k"], rows: Bool[np.ndarray, " n"], n: int
) -> Integer[np.ndarray, " m"]:
    if not rows.any():
        raise ValueError("a set of images to choose latents by is empty")
    top = peaks[rows].max(0)
    order = np.argsort(-top, kind="stable")[:n]
    return order[top[order] > 0]
