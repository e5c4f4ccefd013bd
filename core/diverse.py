"""A few concepts instead of many: important ones that do not say the same thing twice.

The most probable subset of a determinantal point process, found greedily with an incremental
Cholesky factor (Chen, Zhang & Zhou 2018, "Fast greedy MAP inference for determinantal point
process", arXiv 1709.05135).
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int64

MOST = 32
"""concepts in one explanation: more are not read"""
_REPEATS = 1e-6
"""share of a concept's own squared quality below which it adds nothing to those picked"""


def pick(
    quality: Float[np.ndarray, " k"], vectors: Float[np.ndarray, "k d"], *, most: int = MOST
) -> Int64[np.ndarray, " m"]:
    """Indices in the order picked, at most `most` and never more than 32.

    Kernel L_ij = q_i q_j cos(v_i, v_j): the next pick has the largest quality left after what the
    picked ones already say is taken out of it. Stops early where all that is left repeats them
    (cosine 1) or has quality 0. Raises ValueError for a negative quality or a `most` beyond 1..32.
    """
    if not 1 <= most <= MOST:
        raise ValueError(f"an explanation shows 1 to {MOST} concepts, not {most}")
    if (quality < 0).any():
        raise ValueError("quality must not be negative; pass shares or magnitudes")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    # a vector of zeros has no direction: it resembles nothing, itself included only by its quality
    unit = np.divide(vectors, norms, out=np.zeros(vectors.shape), where=norms > 0)
    own = quality.astype(np.float64) ** 2
    left = own.copy()
    factors = np.zeros((0, len(own)))
    picked: list[int] = []
    while len(picked) < most:
        open_ = left > _REPEATS * own
        if not open_.any():
            break
        best = int(np.argmax(np.where(open_, left, -1.0)))
        row = quality * quality[best] * (unit @ unit[best])
        row[best] = own[best]
        factor = (row - factors[:, best] @ factors) / np.sqrt(left[best])
        factors = np.concatenate([factors, factor[None]])
        left = left - factor**2
        left[best] = 0.0
        picked.append(best)
    return np.array(picked, dtype=np.int64)
