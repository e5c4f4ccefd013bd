"""Do a bank's concepts exist, and are they where they should be? Beside chance and a control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import duckdb
import numpy as np

from core.measure import Measure
from core.recipe import HeadSpec
from precompute.banks import BankRun, LabelledScores
from precompute.heads import Fitted
from precompute.intake import MEASURE_STAGE, Build
from precompute.naming import control_scores
from precompute.quality import leakage, metric_heads, metric_maps
from precompute.quality.leakage import HeadAccuracy
from precompute.quality.metric_heads import Reading
from precompute.quality.rows import MetricRow, put_metrics


class MeasuredHead(NamedTuple):
    """A head of a bank, as the build made it."""

    head_id: int
    spec: HeadSpec
    fitted: Fitted


def measure_bank(
    con: duckdb.DuckDBPyConnection,
    run: BankRun,
    heads: Sequence[MeasuredHead],
    build: Build,
) -> tuple[dict[int, Fitted], list[HeadAccuracy]]:
    """Measures a bank and its heads and writes the rows; returns, by head_id, the heads that could
    be fitted again on `run.control`, so fitted; and every head's accuracies.

    What cannot be measured of a head is a notice; what cannot be measured of any bank is one that
    `notice_missing` wrote.
    """
    concepts, bank_id = run.concepts, run.bank_id
    random = control_scores(concepts, run.control)
    rows = _concepts(concepts, build)
    put_metrics(con, rows, control=_concepts(random, build), bank_id=bank_id)
    refits: dict[int, Fitted] = {}
    right: list[HeadAccuracy] = []
    # as many random directions as an activation has numbers leave nothing out: the linear probe
    k, d = run.control.directions.rows.shape
    spanning = k >= d
    for head in heads:
        rows, missing = _head(_reading(head, concepts, build), concepts, build)
        if missing is not None:
            build.log.notice(MEASURE_STAGE, head.spec.title, missing)
        others: list[MetricRow] = []
        if head.fitted.refit is not None and not (spanning and head.fitted.linear):
            refits[head.head_id] = head.fitted.refit(random.scores)
            again = head._replace(fitted=refits[head.head_id])
            others, _ = _head(_reading(again, random, build), random, build)
        put_metrics(con, rows, control=others, bank_id=bank_id, head_id=head.head_id)
        drawn = _accuracies(others)
        right += [
            HeadAccuracy(
                head.head_id, bank_id, split, one, drawn[split].value if split in drawn else np.nan
            )
            for split, one in _accuracies(rows).items()
        ]
    return refits, right


def _accuracies(rows: Sequence[MetricRow]) -> dict[str, Measure]:
    return {row.split: row.measure for row in rows if row.name == "class_accuracy"}


def _concepts(concepts: LabelledScores, build: Build) -> list[MetricRow]:
    return [
        *metric_maps.in_masks(concepts, build),
        *metric_maps.right_side(concepts, build),
        *leakage.rows(concepts, build),
    ]


def _head(
    reading: Reading, concepts: LabelledScores, build: Build
) -> tuple[list[MetricRow], ValueError | None]:
    if not reading.linear:  # it has no weights, so nothing else can be asked
        return metric_heads.accuracies(reading, concepts, build), None
    rows = [
        *metric_heads.accuracies(reading, concepts, build),
        *metric_heads.presence(reading, concepts, build),
        *metric_heads.location(reading, concepts, build),
    ]
    try:
        return [*rows, *metric_heads.importance(reading, concepts, build)], None
    except ValueError as error:
        return rows, error


def _reading(head: MeasuredHead, concepts: LabelledScores, build: Build) -> Reading:
    fitted = head.fitted
    return metric_heads.read(fitted, concepts, build, sparse=head.spec.kind == "sparse")
