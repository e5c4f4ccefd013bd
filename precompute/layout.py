"""A 2-D layout of a bank's directions, so that similar concepts lie near each other."""

from __future__ import annotations

import warnings

import numpy as np
from jaxtyping import Float

FEWEST = 8
"""concepts below which a layout says nothing"""


def layout(
    directions: Float[np.ndarray, "k d"], *, seed: int
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """UMAP of the directions under cosine distance; NaN for a bank of fewer than 8 concepts.

    Seeded and single-threaded, hence the same on every run (McInnes et al. 2018, arXiv
    1802.03426). Importing umap compiles for seconds, so it happens here and not at the top.
    """
    k = len(directions)
    if k < FEWEST:
        nothing = np.full(k, np.nan, dtype=np.float32)
        return nothing, nothing
    with warnings.catch_warnings():
        # umap warns that TensorFlow is missing, which it does not need here, and that a fixed seed
        # means one thread, which is what is wanted
        warnings.simplefilter("ignore")
        from umap import UMAP

        points = UMAP(
            n_neighbors=min(15, k - 1),
            min_dist=0.15,
            metric="cosine",
            init="spectral" if k > 32 else "random",
            random_state=seed,
        ).fit_transform(directions)
    return points[:, 0].astype(np.float32), points[:, 1].astype(np.float32)
