"""What is nearest: concepts by direction and by firing together, images by pooled activation."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer
from scipy.sparse import csc_array

from core.kinds import Likeness

N_NEIGHBOURS = 8
MIN_BOTH = 5
"""images that must show both concepts before their lift is listed"""
_BLOCK = 256
"""concepts compared with all others at once"""
_IMAGES = 20_000
"""images that may be a neighbour; of more, a seeded draw"""


def nearest_concepts(directions: Float[np.ndarray, "k d"], scores: csc_array) -> pd.DataFrame:
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
    values: Float[np.ndarray, "m k"], kind: Likeness, *, first: int, n: Integer[np.ndarray, "m k"]
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


def nearest(points: Float[np.ndarray, "n d"], *, seed: int) -> dict[str, np.ndarray]:
    """row, rank, other and cosine of the 8 rows nearest to every row; itself is left out.

    Of more than 20,000 rows a seeded 20,000 can be neighbours, of any row.
    """
    norms = np.linalg.norm(points, axis=1, keepdims=True)
    unit = (points / norms.clip(1e-12)).astype(np.float32)
    n = len(unit)
    pool = np.arange(n)
    if n > _IMAGES:
        pool = np.sort(np.random.default_rng(seed).choice(n, _IMAGES, replace=False))
    shown = min(N_NEIGHBOURS, len(pool) - 1)
    if shown < 1:
        nothing = np.zeros(0, np.int64)
        return {"row": nothing, "rank": nothing, "other": nothing, "cosine": np.zeros(0, "f4")}
    others, values = [], []
    for start in range(0, n, _BLOCK):
        mine = np.arange(start, min(start + _BLOCK, n))
        cosine = unit[mine] @ unit[pool].T
        cosine[mine[:, None] == pool] = -np.inf
        best = np.argpartition(-cosine, shown - 1, axis=1)[:, :shown]
        found = np.take_along_axis(cosine, best, 1)
        order = np.lexsort((pool[best], -found))
        others.append(pool[np.take_along_axis(best, order, 1)])
        values.append(np.take_along_axis(found, order, 1))
    return {
        "row": np.repeat(np.arange(n), shown),
        "rank": np.tile(np.arange(shown), n),
        "other": np.concatenate(others).ravel(),
        "cosine": np.concatenate(values).ravel(),
    }
