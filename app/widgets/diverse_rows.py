"""Few concepts of one image that do not say the same thing twice, for the browser's lists."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from app import db
from core import diverse
from core.sampling import evenly
from data.queries import heads, images

N_IMAGES = 500
"""images, evenly spread over the store, whose scores say how alike two concepts are"""


def picks(
    bank_id: int, concept_ids: Int64[np.ndarray, " k"], values: Float64[np.ndarray, "m k"]
) -> list[list[int]]:
    """For each row of `values`, indices into the ascending `concept_ids`: at most diverse.MOST.

    Large in size and unlike in their scores over images; in the order picked.
    """
    if not len(concept_ids):
        return [[] for _ in values]
    over = _scores(bank_id, tuple(int(c) for c in concept_ids))
    return [diverse.pick(np.abs(row), over).tolist() for row in values]


def of_image(
    bank_id: int, concepts: pd.DataFrame, weights: Float64[np.ndarray, "y k"] | None
) -> dict[str, list[list[int]]]:
    """Indices into `concepts`, by what the Image page's list is sorted by: "score", "share" of the
    concept's largest score, or "contribution", of which one list a class (a row of `weights`)."""
    score, most = concepts["score"].to_numpy(np.float64), concepts["score_size"].to_numpy()
    share = np.divide(score, most, out=np.zeros(len(score)), where=most > 0)
    values = {"score": score[None], "share": share[None]}
    if weights is not None:
        values["contribution"] = weights * score
    ids = concepts["concept_id"].to_numpy(np.int64)
    return {sort: picks(bank_id, ids, of) for sort, of in values.items()}


@db.cached(max_entries=32)
def _scores(
    bank_id: int,
    concept_ids: tuple[int, ...],
) -> Float64[np.ndarray, "k n"]:
    con = db.cursor()
    every = images.image_ids(con)
    return heads.image_scores(
        con, bank_id, np.array(concept_ids), image_ids=every[evenly(len(every), N_IMAGES)]
    ).T
