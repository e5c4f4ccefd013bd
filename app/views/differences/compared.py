"""Two image sets over all concepts of a bank, as one table; computed once and kept."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float, Int64

from app import db
from app.views.differences.set_choice import ImageSet, members
from core.compare import class_shifts, image_sets, orders
from data.queries import comparing, heads

_AT_ONCE = 256
"""concepts whose scores are held densely"""


@db.cached(max_entries=24, spinner="Comparing")
def frame(bank_id: int, a: ImageSet, b: ImageSet, kind: str) -> pd.DataFrame:
    """A row a concept: `data.queries.comparing.concepts`, the fields of
    `core.compare.image_sets.Comparison` and `difference`, its B minus A, with `q` by "energy".

    By "within" also `within`, `more` and `less`, by "tie" `tie` (B minus A, with `_lo` and `_hi`),
    `tie_a` and `tie_b`, each judged (`_chance`, `_chance_95`, `_p`, `_q`) as
    `core.compare.class_shifts` does; and by both the classes in which B shows most more and most
    less, `class_more` and `class_less`, with the difference (`_by`, in pooled standard deviations)
    and its interval (`_by_lo`, `_by_hi`). Every q is over all concepts that score anything in
    either set; those of `more` and `less` over both directions together.
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
    judging = _Judging(kind, matched is not None, orders.most(len(concepts)))
    parts = []
    for start in range(0, len(concepts), _AT_ONCE):
        mine = concepts[start : start + _AT_ONCE]
        scores = heads.image_scores(con, bank_id, mine, image_ids=everyone)
        sides = scores[rows_a], classes_a, scores[rows_b], classes_b
        n_orders = judging.n_orders if kind == "energy" else orders.FIRST
        c = image_sets.compare(sides[0], sides[2], paired=judging.paired, n_orders=n_orders)
        columns = vars(c) | {"difference": c.energy_b - c.energy_a}
        if kind != "energy":
            columns |= _by_class(*sides, judging)
        parts.append(pd.DataFrame(columns))
    compared = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return pd.concat([found, discovered(compared, kind)], axis=1)


@dataclass(frozen=True)
class _Judging:
    kind: str
    paired: bool
    n_orders: int
    """most random orders a concept"""


FAMILIES = {"energy": (("",),), "within": (("within_",), ("more_", "less_")), "tie": (("tie_",),)}
"""by kind: prefixes of the p values that one false discovery rate is controlled over"""


def discovered(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """`rows` with a q beside each p."""
    if rows.empty:
        return rows
    scores = ((rows["energy_a"] != 0) | (rows["energy_b"] != 0)).to_numpy()
    for family in FAMILIES[kind]:
        p = np.concatenate([rows[f"{prefix}p"].to_numpy(np.float64) for prefix in family])
        q = orders.q_values(p, tested=np.tile(scores, len(family)))
        for prefix, mine in zip(family, np.split(q, len(family)), strict=True):
            rows = rows.assign(**{f"{prefix}q": mine})
    return rows


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
    judging: _Judging,
) -> dict[str, np.ndarray]:
    kind, paired = judging.kind, judging.paired
    n_orders = judging.n_orders if kind == "within" else orders.FIRST
    within = class_shifts.within(a, classes_a, b, classes_b, paired=paired, n_orders=n_orders)
    out: dict[str, np.ndarray] = {}
    every = np.arange(a.shape[1])
    for side, at in (
        ("more", within.differences.argmax(0)),
        ("less", within.differences.argmin(0)),
    ):
        by, half = within.differences[at, every], within.differences_half[at, every]
        out |= {
            f"class_{side}": within.classes[at],
            f"class_{side}_by": by,
            f"class_{side}_by_lo": by - half,
            f"class_{side}_by_hi": by + half,
        }
    if kind == "within":
        more, less = _judged("more", within.more), _judged("less", within.less)
        return out | _judged("within", within) | more | less
    n_orders = judging.n_orders
    ties = class_shifts.ties(a, classes_a, b, classes_b, paired=paired, n_orders=n_orders)
    of_tie = {"tie_lo": ties.lo, "tie_hi": ties.hi, "tie_a": ties.tie_a, "tie_b": ties.tie_b}
    return out | _judged("tie", ties) | of_tie


def _judged(name: str, judged: class_shifts.Judged) -> dict[str, np.ndarray]:
    ends = ("chance", "chance_95", "p")
    return {name: judged.value} | {f"{name}_{end}": getattr(judged, end) for end in ends}
