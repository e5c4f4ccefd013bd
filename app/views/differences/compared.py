"""Two image sets over all concepts of a bank, as one table; computed once and kept."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from app import db
from app.views.differences.set_choice import ImageSet, members
from core.compare import class_shifts, image_sets
from data.queries import comparing, heads

_AT_ONCE = 256
"""concepts whose scores are held densely"""


@db.cached(max_entries=24, spinner="Comparing")
def frame(bank_id: int, a: ImageSet, b: ImageSet, kind: str) -> pd.DataFrame:
    """A row a concept: `data.queries.comparing.concepts`, the fields of
    `core.compare.image_sets.Comparison` and `difference`, its B minus A.

    By "within" also `within`, `more` and `less`, by "tie" `tie` (B minus A), `tie_a` and `tie_b`,
    each judged (`_lo`, `_hi`, `_chance`, `_chance_95`, `_p`) as `core.compare.class_shifts` does;
    and by both the classes in which B shows most more and most less, `class_more` and
    `class_less`, with the difference (`_by`, in pooled standard deviations) and its interval
    (`_by_lo`, `_by_hi`).
    """
    con = db.cursor()
    found = comparing.concepts(con, bank_id)
    (ids_a, classes_a, _), (ids_b, classes_b, _) = members(a), members(b)
    matched = pairs(a, b)
    if matched is not None:
        ids_a, classes_a, ids_b, classes_b = matched
    everyone = np.union1d(ids_a, ids_b)
    rows_a, rows_b = np.searchsorted(everyone, ids_a), np.searchsorted(everyone, ids_b)
    concepts = found["concept_id"].to_numpy(np.int64)
    parts = []
    for start in range(0, len(concepts), _AT_ONCE):
        mine = concepts[start : start + _AT_ONCE]
        scores = heads.image_scores(con, bank_id, mine, image_ids=everyone)
        sides = scores[rows_a], classes_a, scores[rows_b], classes_b
        c = image_sets.compare(sides[0], sides[2], paired=matched is not None)
        columns = vars(c) | {"difference": c.energy_b - c.energy_a}
        if kind != "energy":
            columns |= _by_class(*sides, kind=kind, paired=matched is not None)
        parts.append(pd.DataFrame(columns))
    return pd.concat([found, pd.concat(parts, ignore_index=True)], axis=1)


Pairs = tuple[
    Int64[np.ndarray, " n"],
    Int64[np.ndarray, " n"],
    Int64[np.ndarray, " n"],
    Int64[np.ndarray, " n"],
]
"""image ids and classes of A, then of B, in one order"""


@db.cached(max_entries=24)
def pairs(
    a: ImageSet,
    b: ImageSet,
) -> Pairs | None:
    """The two sets as pairs of one image before and after it was altered; None unless they are.

    Nearly all of the smaller set must have a partner: what has none was left out by a filter or
    could not be read.
    """
    con = db.cursor()
    (ids_a, classes_a, _), (ids_b, classes_b, _) = members(a), members(b)
    from_a, from_b = comparing.originals(con, ids_a), comparing.originals(con, ids_b)
    unique = all(len(np.unique(x)) == len(x) for x in (from_a, from_b))
    both, at_a, at_b = np.intersect1d(from_a, from_b, return_indices=True)
    if not unique or len(both) < max(2, 0.9 * min(len(ids_a), len(ids_b))):
        return None
    if (ids_a[at_a] == ids_b[at_b]).any():
        return None  # one image in both sets is no pair
    return ids_a[at_a], classes_a[at_a], ids_b[at_b], classes_b[at_b]


def _by_class(
    a: Float[np.ndarray, "n k"],
    classes_a: Int64[np.ndarray, " n"],
    b: Float[np.ndarray, "m k"],
    classes_b: Int64[np.ndarray, " m"],
    *,
    kind: str,
    paired: bool,
) -> dict[str, np.ndarray]:
    within = class_shifts.within(a, classes_a, b, classes_b, paired=paired)
    out: dict[str, np.ndarray] = {}
    every = np.arange(a.shape[1])
    for side, at in (
        ("more", within.differences.argmax(0)),
        ("less", within.differences.argmin(0)),
    ):
        out |= {
            f"class_{side}": within.classes[at],
            f"class_{side}_by": within.differences[at, every],
            f"class_{side}_by_lo": within.differences_lo[at, every],
            f"class_{side}_by_hi": within.differences_hi[at, every],
        }
    if kind == "within":
        more, less = _judged("more", within.more), _judged("less", within.less)
        return out | _judged("within", within) | more | less
    ties = class_shifts.ties(a, classes_a, b, classes_b, paired=paired)
    return out | _judged("tie", ties) | {"tie_a": ties.tie_a, "tie_b": ties.tie_b}


def _judged(name: str, judged: class_shifts.Judged) -> dict[str, np.ndarray]:
    ends = ("lo", "hi", "chance", "chance_95", "p")
    return {name: judged.value} | {f"{name}_{end}": getattr(judged, end) for end in ends}
