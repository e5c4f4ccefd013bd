"""A head on all its labelled images at once, from stored scores; what several tabs share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64, Int64

from app import db
from app.views.intervene import batch, head_lab, levels
from core import bottleneck
from core.counted import counted
from core.intervention import presence, propagation
from core.kinds import TEST, TRAIN, VAL
from data.queries import edits, heads
from data.queries.build import HeadFacts

MOST = 40_000_000
"""numbers of a table of scores held at once, 320 MB"""
MOST_CONCEPTS = levels.MOST_CONCEPTS
"""of a covariance between concepts"""
ORDER = {TEST: 0, "shifted": 1, VAL: 8, TRAIN: 9}
"""splits that nothing was fitted on come first"""


@dataclass(frozen=True)
class Whole:
    """Images that carry a label of the head's classes."""

    loaded: heads.Loaded
    facts: pd.DataFrame
    rows: pd.DataFrame
    """image_id, split, class_id"""
    logits: Float64[np.ndarray, "n y"]
    """of the unedited head"""
    classes: Int64[np.ndarray, " n"]
    """row of the head that is right"""

    @property
    def ids(self) -> Int64[np.ndarray, " n"]:
        return self.rows["image_id"].to_numpy(np.int64)

    @property
    def splits(self) -> list[str]:
        return sorted(self.rows["split"].unique(), key=lambda s: (ORDER.get(s, 5), s))

    @property
    def hardest(self) -> str:
        """The split with the lowest accuracy."""
        right = self.logits.argmax(1) == self.classes
        return min(self.splits, key=lambda s: right[(self.rows["split"] == s).to_numpy()].mean())

    @property
    def names(self) -> dict[int, str]:
        return dict(zip(self.loaded.class_ids.tolist(), self.loaded.class_names, strict=True))


def of(head: HeadFacts) -> Whole:
    loaded, facts = head_lab.load(head.head_id)
    rows, logits = batch.base(head.head_id, head.bank_id)
    classes = np.searchsorted(loaded.class_ids, rows["class_id"].to_numpy(np.int64))
    return Whole(loaded, facts, rows, logits, classes)


def scores(head: HeadFacts, columns: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, "n m"]:
    """Of all labelled images. Raises ValueError, in words for people, when they are too many."""
    n = len(of(head).rows)
    if n * len(columns) > MOST:
        raise ValueError(
            f"This edit touches {counted(len(columns), 'concept')} of {counted(n, 'image')} at "
            "once, more numbers "
            f"than the {MOST:,} that are held in memory; edit fewer concepts."
        )
    return _scores(head.head_id, head.bank_id, tuple(columns.tolist()))


@db.cached(max_entries=6, shared=True)
def _scores(head_id: int, bank_id: int, columns: tuple[int, ...]) -> Float64[np.ndarray, "n m"]:
    loaded, _ = head_lab.load(head_id)
    rows, _ = batch.base(head_id, bank_id)
    out = heads.image_scores(
        db.cursor(),
        bank_id,
        loaded.concept_ids[list(columns)],
        image_ids=rows["image_id"].to_numpy(np.int64),
    )
    out.flags.writeable = False
    return out


@dataclass(frozen=True)
class Fitted:
    """What the train images say about the concepts of a head, before any is edited."""

    presence: presence.Presence | None
    """None: no concept of the head was fitted to a label"""
    gaussian: propagation.Gaussian | None
    """None: too few images, or too many concepts"""
    truth: Float64[np.ndarray, "n k"] | None
    """1, 0 or NaN, of the same images; None: no concept of the head was fitted to a label"""
    classes: Int64[np.ndarray, " n"]
    """class_id of the same images"""


@db.cached(max_entries=4, shared=True)
def fitted(head_id: int, bank_id: int) -> Fitted:
    loaded, facts = head_lab.load(head_id)
    con = db.cursor()
    rows = heads.known(con)
    train = rows[rows["split"] == TRAIN]
    # without a train split (a folder of test images) whatever is labelled has to do
    ids = (train if len(train) else rows)["image_id"].to_numpy(np.int64)
    if len(ids) > levels.MOST_IMAGES:
        ids = np.sort(np.random.default_rng(0).choice(ids, levels.MOST_IMAGES, replace=False))
    classes = rows.set_index("image_id")["class_id"].loc[ids].to_numpy(np.int64)
    small = len(loaded.concept_ids) <= MOST_CONCEPTS
    labelled = bool((facts["name_source"] == "label").any())
    if len(ids) < 2 or not (small or labelled):
        return Fitted(None, None, None, classes)
    found = heads.image_scores(con, bank_id, loaded.concept_ids, image_ids=ids)
    known, truth = None, None
    if labelled:
        truth = edits.truth(con, bank_id, loaded.concept_ids, image_ids=ids)
        known = presence.fit(found, truth) if (~np.isnan(truth)).any() else None
    return Fitted(known, propagation.fit_gaussian(found) if small else None, truth, classes)


def chosen(whole: Whole, *, split: str | None, class_id: int | None) -> Bool[np.ndarray, " n"]:
    """Rows that pass a filter."""
    kept = np.ones(len(whole.rows), bool)
    if split is not None:
        kept &= (whole.rows["split"] == split).to_numpy()
    if class_id is not None:
        kept &= (whole.rows["class_id"] == class_id).to_numpy()
    return kept


def rest(
    whole: Whole, own: Float64[np.ndarray, "n k"], logits: Float64[np.ndarray, "n y"]
) -> Float64[np.ndarray, "n y"] | None:
    """Of a residual head, for the rows that `own` scores and `logits` are of."""
    head = whole.loaded.head
    return bottleneck.rest(head, own, logits) if head.residual else None
