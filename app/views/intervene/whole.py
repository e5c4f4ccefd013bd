"""A head on all its labelled images at once, from stored scores; what several tabs share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float64, Int64, Integer

from app import db
from app.views.intervene import batch, head_lab, levels, several
from core import bottleneck
from core.counted import counted
from core.intervention import presence, propagation
from core.intervention.curves import Known
from core.kinds import TEST, TRAIN, VAL
from data.queries import build, edits, heads
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
    """image_id, split, class_id (-1: there are several labels)"""
    logits: Float64[np.ndarray, "n y"]
    """of the unedited head"""
    classes: Int64[np.ndarray, " n"]
    """row of the head that is right; -1: there are several labels"""
    labels: Known | None = None
    """of a multi-label set; None: each image has one class"""

    @property
    def ids(self) -> Int64[np.ndarray, " n"]:
        return self.rows["image_id"].to_numpy(np.int64)

    @property
    def splits(self) -> list[str]:
        return sorted(self.rows["split"].unique(), key=lambda s: (ORDER.get(s, 5), s))

    @property
    def hardest(self) -> str:
        """The split of which the smallest share is told rightly."""
        right = told(self, self.logits)
        return min(self.splits, key=lambda s: share(right[(self.rows["split"] == s).to_numpy()])[0])

    @property
    def names(self) -> dict[int, str]:
        return dict(zip(self.loaded.class_ids.tolist(), self.loaded.class_names, strict=True))


def of(head: HeadFacts) -> Whole:
    loaded, facts = head_lab.load(head.head_id)
    rows, logits, y = _base(head.head_id, head.bank_id)
    if y is not None:
        known = Known(y, several.thresholds(head.head_id))
        return Whole(loaded, facts, rows, logits, np.full(len(rows), -1), known)
    classes = np.searchsorted(loaded.class_ids, rows["class_id"].to_numpy(np.int64))
    return Whole(loaded, facts, rows, logits, classes)


def _base(
    head_id: int, bank_id: int
) -> tuple[pd.DataFrame, Float64[np.ndarray, "n y"], Float64[np.ndarray, "n y"] | None]:
    """Rows and logits of `Whole`, and what is known of several labels."""
    if not build.build(db.cursor()).multi_label:
        return *batch.base(head_id, bank_id), None
    found = several.base(head_id)
    kept = ~np.isnan(found.y).all(1)
    rows = found.rows[kept].reset_index(drop=True).assign(class_id=-1)
    return rows, found.logits[kept], found.y[kept]


def said(whole: Whole, logits: Float64[np.ndarray, "n y"]) -> Integer[np.ndarray, "n m"]:
    """What logits decide: the row of the one class; of several labels, whether each is shown."""
    if whole.labels is None:
        return logits.argmax(1)[:, None]
    found = bottleneck.probabilities(logits, whole.loaded.head.link) >= whole.labels.thresholds
    return found.astype(np.int64)


def told(whole: Whole, logits: Float64[np.ndarray, "n y"]) -> Float64[np.ndarray, "n m"]:
    """1 where what logits decide is right, 0 where it is wrong, NaN where that is unknown."""
    if whole.labels is None:
        return (said(whole, logits) == whole.classes[:, None]).astype(np.float64)
    y = whole.labels.y
    return np.where(np.isnan(y), np.nan, said(whole, logits) == y)


def share(told: Float64[np.ndarray, "n m"]) -> tuple[float, int, int]:
    """Of what `told` returns: the share that is right, how many are, and of how many."""
    n, right = int((~np.isnan(told)).sum()), int(np.nansum(told))
    return (right / n if n else float("nan")), right, n


def chance(whole: Whole, rows: Bool[np.ndarray, " n"]) -> float:
    """What `share` is of always saying the commonest class of these rows, or of each label what is
    commoner among them."""
    if whole.labels is None:
        return float(np.bincount(whole.classes[rows]).max() / rows.sum())
    y = whole.labels.y[rows]
    n, shown = (~np.isnan(y)).sum(0), (y == 1).sum(0)
    return float(np.maximum(shown, n - shown).sum() / n.sum())


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
    rows, _, _ = _base(head_id, bank_id)
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
    """Rows that pass a filter; of several labels, those that show the one asked for."""
    kept = np.ones(len(whole.rows), bool)
    if split is not None:
        kept &= (whole.rows["split"] == split).to_numpy()
    if class_id is not None and whole.labels is not None:
        kept &= whole.labels.y[:, whole.loaded.class_ids.tolist().index(class_id)] == 1
    elif class_id is not None:
        kept &= (whole.rows["class_id"] == class_id).to_numpy()
    return kept


def rest(
    whole: Whole, own: Float64[np.ndarray, "n k"], logits: Float64[np.ndarray, "n y"]
) -> Float64[np.ndarray, "n y"] | None:
    """Of a residual head, for the rows that `own` scores and `logits` are of."""
    head = whole.loaded.head
    return bottleneck.rest(head, own, logits) if head.residual else None
