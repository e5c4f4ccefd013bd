"""2-D layouts: of a bank's directions and of the images, so that similar ones lie near each other.

Both say how far they can be trusted.
"""

from __future__ import annotations

import warnings

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Float
from sklearn.neighbors import NearestNeighbors

from core.sampling import evenly
from data import write
from precompute.intake import Build
from precompute.naming.neighbours import nearest

FEWEST = 8
"""points below which a layout says nothing"""
IMAGES = 1_000
"""images laid out at most, spread evenly over the data set"""
KEPT = 5_000
"""images whose pooled activations are stored at most"""
JUDGED = 1_500
"""points that trustworthiness is measured on at most"""
NEIGHBOURS = 15
EPOCHS = 200
"""of the images' layout: more take seconds and are not trusted more"""


def lay_out(
    points: Float[np.ndarray, "k d"], *, seed: int, epochs: int | None = None
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """UMAP of the rows under cosine distance; NaN for fewer than 8 of them. epochs None: 500.

    Seeded and single-threaded, hence the same on every run (McInnes et al. 2018, arXiv
    1802.03426). Importing umap compiles for seconds, so it happens here and not at the top; it is
    given its neighbours, exact ones, since its own search would compile for seconds more.
    """
    k = len(points)
    if k < FEWEST:
        nothing = np.full(k, np.nan, dtype=np.float32)
        return nothing, nothing
    n = min(NEIGHBOURS, k - 1)
    distances, indices = NearestNeighbors(n_neighbors=n, metric="cosine").fit(points).kneighbors()
    # umap counts a point among its own neighbours
    itself = np.arange(k)[:, None]
    known = (
        np.hstack([itself, indices[:, : n - 1]]),
        np.hstack([np.zeros((k, 1)), distances[:, : n - 1]]).astype(np.float32),
    )
    with warnings.catch_warnings():
        # umap warns that TensorFlow is missing, which it does not need here, and that a fixed seed
        # means one thread, which is what is wanted
        warnings.simplefilter("ignore")
        from umap import UMAP

        placed = UMAP(
            n_neighbors=n,
            precomputed_knn=known,
            min_dist=0.15,
            metric="cosine",
            init="spectral" if k > 32 else "random",
            random_state=seed,
            n_epochs=epochs,
        ).fit_transform(points)
    return placed[:, 0].astype(np.float32), placed[:, 1].astype(np.float32)


def layout_trust(
    points: Float[np.ndarray, "k d"],
    x: Float[np.ndarray, " k"],
    y: Float[np.ndarray, " k"],
    *,
    seed: int,
) -> pd.DataFrame:
    """A row of `layout_quality` without its bank_id; none where nothing was laid out.

    Trustworthiness (Venna & Kaski 2001) punishes neighbours on the plane that are far in the
    space. Of many points a seeded 1,500 are judged, among themselves.
    """
    rng = np.random.default_rng(seed)
    k = len(points)
    if k < FEWEST or np.isnan(x).any():
        return pd.DataFrame()
    kept = np.sort(rng.choice(k, JUDGED, replace=False)) if k > JUDGED else np.arange(k)
    n = min(NEIGHBOURS, (len(kept) - 1) // 2)  # the formula needs n < k / 2
    places = np.stack([x, y], axis=1)[kept].astype(np.float64)
    from sklearn.manifold import trustworthiness

    value, chance = (
        float(trustworthiness(points[kept], where, n_neighbors=n, metric="cosine"))
        for where in (places, rng.permutation(places))
    )
    return pd.DataFrame(
        {
            "trustworthiness": [value],
            "chance": [chance],
            "n_neighbours": [n],
            "n": [len(kept)],
        }
    )


def put_image_layout(con: duckdb.DuckDBPyConnection, build: Build) -> None:
    """Layout, neighbours and pooled activations of the images, of so many as `IMAGES` and `KEPT`.

    The page that shows the layout counts its images; fewer activations than images are a notice.
    """
    pooled, ids, seed, log = build.pooled, build.image_ids, build.seed, build.log
    kept = evenly(len(ids), KEPT)
    if len(kept) < len(ids):
        told = (
            f"{len(kept):,} of {len(ids):,} images, evenly spread, keep their pooled activations; "
            "Compare tells by those whether two models share a space, and how concepts shift in it"
        )
        log.notice("layout", "pooled activations", ValueError(told))
    write.put(con, "pooled", {"image_id": ids[kept], "vector": list(pooled[kept])})
    # about the mean: activations of one model all point the same way, and differ beside that
    centred = pooled - pooled.mean(0)
    with log.timed("nearest images", len(ids), "images"):
        found = nearest(centred, seed=seed)
        write.put(
            con,
            "image_neighbour",
            {
                "image_id": ids[found["row"]],
                "rank": found["rank"],
                "other_id": ids[found["other"]],
                "cosine": found["cosine"],
            },
        )
    chosen = evenly(len(ids), IMAGES)
    with log.timed("layout of images", len(chosen), "images"):
        mine = centred[chosen]
        x, y = lay_out(mine, seed=seed, epochs=EPOCHS)
        if np.isnan(x).any():
            return
        write.put(con, "image_layout", {"image_id": ids[chosen], "x": x, "y": y})
        quality = layout_trust(mine, x, y, seed=seed)
        write.frame(con, "layout_quality", quality)
