"""What scores tell beyond their own concept, and how much of the model's accuracy they carry."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

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


def complete_leakage(con: duckdb.DuckDBPyConnection) -> int:
    """Writes the completeness of every head whose images are the backbone's; returns how many.

    From the accuracies that the store already holds, so it comes after them.
    """
    found = con.execute(
        """
        SELECT metric.head_id, metric.bank_id, metric.split, metric.n, value, metric.chance,
            control, accuracy
        FROM metric JOIN accuracy ON accuracy.split = metric.split AND accuracy.n = metric.n
        WHERE metric.name = 'class_accuracy' AND model = 'backbone' AND target = 'label'
            AND accuracy > metric.chance
        ORDER BY metric.head_id, metric.split
        """
    ).df()
    if found.empty:
        return 0
    model, chance = found["accuracy"], found["chance"]
    return write.put(
        con,
        "metric",
        {
            "scope": ["head"] * len(found),
            "head_id": found["head_id"].astype(np.uint16),
            "bank_id": found["bank_id"].astype(np.uint16),
            "name": ["completeness"] * len(found),
            "variant": ["{}"] * len(found),
            "split": found["split"],
            "value": [
                leakage.completeness(v, m, chance=c)
                for v, m, c in zip(found["value"], model, chance, strict=True)
            ],
            "n": found["n"],
            "chance": np.zeros(len(found)),
            "control": pa.array(
                (found["control"].astype(float) - chance) / (model - chance), from_pandas=True
            ),
        },
    )
