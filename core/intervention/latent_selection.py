"""Which latents stand for a set of images: the target's, minus what the retained images need."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Integer


def by_difference(
    target: Float[np.ndarray, " k"], retained: Float[np.ndarray, " k"], *, n: int
) -> Integer[np.ndarray, " m"]:
    """The n latents whose mean is largest on the target images compared with the retained ones.

    Both are means of scores over images. Only latents whose mean is larger at all, so there may be
    fewer. (SAUCE: Li et al. 2025, arXiv 2503.14530.)
    """
    lead = target.astype(np.float64) - retained
    order = np.argsort(-lead, kind="stable")[:n]
    return order[lead[order] > 0]


def by_exclusion(
    target: Float[np.ndarray, " k"], retained: Float[np.ndarray, " k"], *, n: int
) -> Integer[np.ndarray, " m"]:
    """The target's n highest latents that are not among the n highest of the retained images.

    Both are largest codes over tokens and images; latents that never fire are in no set. So there
    may be fewer than n, or none. (Interpret then deactivate: arXiv 2503.09446.)
    """
    found = _highest(target, n)
    return found[~np.isin(found, _highest(retained, n))]


def _highest(peaks: Float[np.ndarray, " k"], n: int) -> Integer[np.ndarray, " m"]:
    order = np.argsort(-peaks, kind="stable")[:n]
    return order[peaks[order] > 0]
