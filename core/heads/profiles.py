"""Concept Matrix Search: which class has a concept profile like the image's? Nothing is trained.

Semenov et al. 2024 (arXiv 2404.03323): the class whose row of the class x concept matrix has the
largest cosine to the image's row of scores. The cosine's norm of the image is one positive factor
for all its classes, so a linear head with rows of norm 1 has the same order of classes; its logits
are cosines times that factor, and its probabilities no more than a ranking.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from core.types import Head


def match_profiles(
    profiles: Float[np.ndarray, "y k"],
    scores: Float[np.ndarray, "n k"] | None = None,
) -> Head:
    """A head whose argmax is that of cos(image's scores, class's profile).

    With `scores` (of the train images) both sides are centred first, the image's scores by their
    mean and in their standard deviations, the profiles by their mean over classes: scores that are
    signed, or all large, then compare by what sets an image and a class apart. Without, the paper's
    form. A concept that does not vary counts for nothing; a class whose profile is all 0 gets 0.
    """
    rows = profiles.astype(np.float64)
    mean, spread = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    if scores is not None:
        mean, spread = scores.mean(0, dtype=np.float64), scores.std(0, dtype=np.float64)
        rows = np.where(spread > 0, rows - rows.mean(0), 0.0)
        spread = np.where(spread > 0, spread, 1.0)
    size = np.linalg.norm(rows, axis=1, keepdims=True)
    weight = np.divide(rows, size, out=np.zeros(rows.shape), where=size > 0) / spread
    return Head(weight, -weight @ mean)
