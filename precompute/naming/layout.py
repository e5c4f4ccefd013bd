"""2-D layouts: of a bank's directions and of the images, so that similar ones lie near each other.

Both say how far they can be trusted.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb
import numpy as np
import pandas as pd
from jaxtyping import Float

from core.counted import counted
from core.sampling import evenly
from data import write
from precompute.intake import Build
from precompute.naming.neighbours import nearest
from precompute.naming.umap_layout import FEWEST, NEIGHBOURS, begin_layout

IMAGES = 1_000
"""images laid out at most, spread evenly over the data set"""
KEPT = 5_000
"""images whose pooled activations are stored at most"""
JUDGED = 1_500
"""points that trustworthiness is measured on at most"""
EPOCHS = 200
"""of the images' layout: more take seconds and are not trusted more"""


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


def put_image_layout(con: duckdb.DuckDBPyConnection, build: Build) -> Callable[[], None]:
    """Neighbours and pooled activations of the images, and their layout, of so many as `IMAGES`
    and `KEPT`.

    The layout is begun here; what is returned waits for it and writes it. The page that shows it
    counts its images; fewer activations than images are a notice.
    """
    with build.log.attempt("layout", "images", con):
        return _begun(con, build)
    return lambda: None


def _begun(con: duckdb.DuckDBPyConnection, build: Build) -> Callable[[], None]:
    pooled, ids, seed, log = build.pooled, build.image_ids, build.seed, build.log
    # about the mean: activations of one model all point the same way, and differ beside that
    centred = pooled - pooled.mean(0)
    chosen = evenly(len(ids), IMAGES)
    mine = centred[chosen]
    placing = begin_layout(mine, seed=seed, epochs=EPOCHS)
    kept = evenly(len(ids), KEPT)
    if len(kept) < len(ids):
        told = (
            f"{len(kept):,} of {counted(len(ids), 'image')}, evenly spread, keep their pooled "
            "activations; "
            "Compare tells by those whether two models share a space, and how concepts shift in it"
        )
        log.notice("layout", "pooled activations", ValueError(told))
    write.put(con, "pooled", {"image_id": ids[kept], "vector": list(pooled[kept])})
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

    def put() -> None:
        with log.attempt("layout", "images", con):
            x, y, seconds = placing.result()
            log.stage("layout of images", seconds, len(chosen), "images")
            if not np.isnan(x).any():
                write.put(con, "image_layout", {"image_id": ids[chosen], "x": x, "y": y})
                write.frame(con, "layout_quality", layout_trust(mine, x, y, seed=seed))

    return put
