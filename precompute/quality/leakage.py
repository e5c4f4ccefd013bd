"""What scores tell beyond their own concept, and how much of the model's accuracy they carry."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from core.measure import Measure
from core.metrics import leakage
from core.sampling import evenly
from data import write
from precompute.banks import LabelledScores
from precompute.intake import Build
from precompute.quality.rows import MetricRow

TRAIN, TEST, CONCEPTS = 400, 300, 24
"""images that the networks learn from and are judged on, and concepts judged, at most"""


def rows(concepts: LabelledScores, build: Build) -> list[MetricRow]:
    """OIS and NIS of a bank that has one concept for each label; nothing for any other."""
    labels = build.presence
    known = concepts.label_of[concepts.label_of >= 0]
    one_each = len(known) == len(concepts.label_of) == len(np.unique(known))
    if labels is None or not one_each or not len(build.held_out):
        return []
    truth = labels[:, concepts.label_of]
    # those nearest to being on half of the train images have most of either kind
    tilt = np.abs(np.nan_to_num(np.nanmean(truth[build.train], axis=0), nan=1.0) - 0.5)
    chosen = np.sort(np.argsort(tilt, kind="stable")[:CONCEPTS])
    parts = [
        leakage.Split(concepts.scores[at][:, chosen], truth[at][:, chosen])
        for at in (
            build.train[evenly(len(build.train), TRAIN)],
            build.held_out[evenly(len(build.held_out), TEST)],
        )
    ]
    try:
        found = leakage.impurity(*parts, seed=build.seed)
    except ValueError:  # too few concepts have both kinds of image; there is nothing to leak
        return []
    return [
        MetricRow("bank", "ois", found.oracle, build.held_out_splits),
        MetricRow("bank", "nis", found.niche, build.held_out_splits),
    ]


class HeadAccuracy(NamedTuple):
    """How often a head is right on a split, and the same on random directions; NaN: not made."""

    head_id: int
    bank_id: int
    split: str
    measure: Measure
    control: float


def put_completeness(
    con: duckdb.DuckDBPyConnection,
    heads: Sequence[HeadAccuracy],
    accuracy: Sequence[Mapping[str, Any]],
) -> int:
    """Writes the completeness of every head whose images are the backbone's; returns how many.

    `accuracy`: rows of that table, with the backbone's own.
    """
    own = {(a["split"], a["n"]): a["accuracy"] for a in accuracy if a["model"] == "backbone"}
    pairs = [
        (head, own[head.split, head.measure.n])
        for head in sorted(heads, key=lambda head: (head.head_id, head.split))
        if own.get((head.split, head.measure.n), -np.inf) > head.measure.chance
    ]
    if not pairs:
        return 0
    chance = np.array([head.measure.chance for head, _ in pairs])
    model = np.array([right for _, right in pairs])
    control = np.array([head.control for head, _ in pairs])
    return write.put(
        con,
        "metric",
        {
            "scope": ["head"] * len(pairs),
            "head_id": np.array([head.head_id for head, _ in pairs], dtype=np.uint16),
            "bank_id": np.array([head.bank_id for head, _ in pairs], dtype=np.uint16),
            "name": ["completeness"] * len(pairs),
            "variant": ["{}"] * len(pairs),
            "split": [head.split for head, _ in pairs],
            "value": [
                leakage.completeness(h.measure.value, right, chance=h.measure.chance)
                for h, right in pairs
            ],
            "n": [head.measure.n for head, _ in pairs],
            "chance": np.zeros(len(pairs)),
            "control": pa.array((control - chance) / (model - chance), from_pandas=True),
        },
    )
