"""Two image sets over all concepts of a bank, as one table; computed once and kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Int64

from app import db
from app.components.image_sets import ImageSet, members
from core import comparing
from data.queries import comparing as ask
from data.queries import heads

_AT_ONCE = 256
"""concepts whose scores are held densely"""


@st.cache_data(max_entries=24, show_spinner="Comparing")
def frame(key: tuple[str, int], bank_id: int, a: ImageSet, b: ImageSet) -> pd.DataFrame:
    """concept_id, name, map_scale, peak_p99, energy_a, energy_b, difference, lo, hi, active_a,
    active_b; and within classes: within, chance, chance_95, p, class_id (of the largest difference)
    and class_difference, all NaN where no class has two images on both sides."""
    con = db.cursor()
    found = ask.concepts(con, bank_id)
    (ids_a, classes_a, _), (ids_b, classes_b, _) = members(key, a), members(key, b)
    matched = pairs(key, a, b)
    if matched is not None:
        ids_a, classes_a, ids_b, classes_b = matched
    everyone = np.union1d(ids_a, ids_b)
    rows_a, rows_b = np.searchsorted(everyone, ids_a), np.searchsorted(everyone, ids_b)
    concepts = found["concept_id"].to_numpy(np.int64)
    parts = []
    for start in range(0, len(concepts), _AT_ONCE):
        mine = concepts[start : start + _AT_ONCE]
        scores = heads.image_scores(con, bank_id, mine, image_ids=everyone)
        in_a, in_b = scores[rows_a], scores[rows_b]
        c = comparing.compare(in_a, in_b, paired=matched is not None)
        part = pd.DataFrame(
            {
                "energy_a": c.energy_a,
                "energy_b": c.energy_b,
                "difference": c.energy_b - c.energy_a,
                "lo": c.lo,
                "hi": c.hi,
                "active_a": c.active_a,
                "active_b": c.active_b,
            }
        )
        within = _within(in_a, classes_a, in_b, classes_b, paired=matched is not None)
        parts.append(part.assign(**within))
    return pd.concat([found, pd.concat(parts, ignore_index=True)], axis=1)


Pairs = tuple[
    Int64[np.ndarray, " n"], Int64[np.ndarray, " n"], Int64[np.ndarray, " n"],
    Int64[np.ndarray, " n"],
]  # fmt: skip
"""image ids and classes of A, then of B, in one order"""


@st.cache_data(max_entries=24, show_spinner=False)
def pairs(
    key: tuple[str, int],
    a: ImageSet,
    b: ImageSet,
) -> Pairs | None:
    """The two sets as pairs of one image before and after it was altered; None unless they are.

    Nearly all of the smaller set must have a partner: what has none was left out by a filter or
    could not be read.
    """
    con = db.cursor()
    (ids_a, classes_a, _), (ids_b, classes_b, _) = members(key, a), members(key, b)
    from_a, from_b = ask.originals(con, ids_a), ask.originals(con, ids_b)
    unique = all(len(np.unique(x)) == len(x) for x in (from_a, from_b))
    both, at_a, at_b = np.intersect1d(from_a, from_b, return_indices=True)
    if not unique or len(both) < max(2, 0.9 * min(len(ids_a), len(ids_b))):
        return None
    if (ids_a[at_a] == ids_b[at_b]).any():
        return None  # one image in both sets is no pair
    return ids_a[at_a], classes_a[at_a], ids_b[at_b], classes_b[at_b]


def _within(
    a: np.ndarray, classes_a: np.ndarray, b: np.ndarray, classes_b: np.ndarray, *, paired: bool
) -> dict[str, np.ndarray | float]:
    if not shared_classes(classes_a, classes_b):
        names = ("within", "chance", "chance_95", "p", "class_id", "class_difference")
        return dict.fromkeys(names, np.nan)
    w = comparing.within_classes(a, classes_a, b, classes_b, paired=paired)
    largest = np.abs(w.differences).argmax(0)
    return {
        "within": w.value,
        "chance": w.chance,
        "chance_95": w.chance_95,
        "p": w.p,
        "class_id": w.classes[largest],
        "class_difference": w.differences[largest, np.arange(len(largest))],
    }


def shared_classes(classes_a: np.ndarray, classes_b: np.ndarray) -> int:
    """Classes with at least two images on both sides."""
    both = np.intersect1d(classes_a, classes_b)
    return sum(
        min(int((classes_a == c).sum()), int((classes_b == c).sum())) >= 2 for c in both if c >= 0
    )
