"""The concepts nearest to each concept: by direction, and by firing together."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer
from scipy.sparse import csc_array

N_NEIGHBOURS = 8
MIN_BOTH = 5
"""images that must show both concepts before their lift is listed"""
_BLOCK = 256
"""concepts compared with all others at once"""


def neighbours(directions: Float[np.ndarray, "k d"], scores: csc_array) -> pd.DataFrame:
    """Rows of the table `neighbour`. A concept is active in an image where its score is above 0.

    Cosine compares directions. Lift is P(both) / (P(one) P(other)), 1 when independent.
    """
    unit = directions / np.linalg.norm(directions, axis=1, keepdims=True).clip(1e-12)
    active = (scores > 0).astype(np.float64)
    single = active.sum(0)
    frames = []
    for start in range(0, len(unit), _BLOCK):
        stop = min(start + _BLOCK, len(unit))
        own = (np.arange(stop - start), np.arange(start, stop))
        cosine = (unit[start:stop] @ unit.T).astype(np.float64)
        cosine[own] = -np.inf
        frames.append(_strongest(cosine, "cosine", first=start, n=np.zeros(cosine.shape, int)))
        both = (active[:, start:stop].T @ active).toarray()
        both[own] = 0
        with np.errstate(invalid="ignore", divide="ignore"):
            lift = both * scores.shape[0] / np.outer(single[start:stop], single)
        lift[both < MIN_BOTH] = -np.inf
        frames.append(_strongest(lift, "lift", first=start, n=np.rint(both).astype(np.int64)))
    return pd.concat(frames, ignore_index=True)


def _strongest(
    values: Float[np.ndarray, "m k"], kind: str, *, first: int, n: Integer[np.ndarray, "m k"]
) -> pd.DataFrame:
    order = np.argsort(-values, axis=1, kind="stable")[:, :N_NEIGHBOURS]
    m, shown = order.shape
    frame = pd.DataFrame(
        {
            "concept_id": np.repeat(np.arange(first, first + m), shown),
            "kind": kind,
            "rank": np.tile(np.arange(shown), m),
            "other_id": order.ravel(),
            "value": np.take_along_axis(values, order, 1).ravel(),
            "n": np.take_along_axis(n, order, 1).ravel(),
        }
    )
    return frame[np.isfinite(frame["value"])]
