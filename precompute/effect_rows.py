"""From changed logits to rows of `effect` and `effect_class`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa
from jaxtyping import Bool, Float, Float64, Integer

from data import write

if TYPE_CHECKING:
    from precompute.effects import Edit

CLASSES = 10
"""in `effect_class`"""


@dataclass(frozen=True)
class Outcome:
    concept_id: int
    edit: Edit
    before: Float[np.ndarray, "m y"]
    moved: Float64[np.ndarray, "m s y"]
    """changes of the logits: of the edit, and of its control"""
    edited: Bool[np.ndarray, " m"]
    """whether the edit changes the image's codes"""


def put(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    found: list[Outcome],
    classes: Integer[np.ndarray, " y"],
    *,
    exact: bool,
) -> None:
    """`classes`: class_id of each logit."""
    row = con.execute("SELECT count(*) FROM effect").fetchone()
    assert row is not None  # an aggregate always gives a row
    first = int(row[0])
    results = [_result(o) for o in found]
    write.put(
        con,
        "effect",
        {
            "effect_id": np.arange(first, first + len(found), dtype=np.uint32),
            "bank_id": np.full(len(found), bank_id, dtype=np.uint16),
            "concept_id": np.array([o.concept_id for o in found], dtype=np.uint32),
            "mode": [o.edit.mode for o in found],
            "strength": pa.array([o.edit.strength for o in found], pa.float64()),
            "labelled_id": pa.array(
                [o.edit.label if o.edit.label >= 0 else None for o in found], pa.uint32()
            ),
            "images": [o.edit.images for o in found],
            "exact": [exact] * len(found),
            "n": [len(o.edit.rows) for o in found],
            "n_edited": [int(o.edited.sum()) for o in found],
            **{
                name: np.array([r[i] for r in results], dtype=np.float64)
                for i, name in enumerate(("change", "control_change", "flipped", "control_flipped"))
            },
        },
    )
    means = [o.moved[:, 0].mean(0) for o in found]
    top = [np.argsort(-np.abs(m), kind="stable")[:CLASSES] for m in means]
    write.put(
        con,
        "effect_class",
        {
            "effect_id": np.repeat(np.arange(first, first + len(found)), [len(t) for t in top]),
            "class_id": np.concatenate([classes[t] for t in top]) if top else [],
            "change": np.concatenate([m[t] for m, t in zip(means, top, strict=True)])
            if top
            else [],
        },
    )


def _result(outcome: Outcome) -> tuple[float, ...]:
    """Change of the predicted class's logit and share of flips, of the edit and its control."""
    best = outcome.before.argmax(1)
    at = np.arange(len(best))
    after = outcome.before[:, None].astype(np.float64) + outcome.moved
    changes = outcome.moved[at, :, best].mean(0)
    flips = (after.argmax(2) != best[:, None]).mean(0)
    return (float(changes[0]), float(changes[1]), float(flips[0]), float(flips[1]))
