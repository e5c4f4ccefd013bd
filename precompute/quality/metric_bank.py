"""Do a bank's concepts exist, and are they where they should be? Beside chance and a control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd

from core.measure import Measure
from core.recipe import HeadSpec
from precompute.banks import BankRun, ControlCodes, LabelledScores
from precompute.heads import Fitted, logits_of, thresholds_of
from precompute.intake import MEASURE_STAGE, Build, Log
from precompute.naming import control_scores, named_for
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
    concepts, bank_id, log = run.concepts, run.bank_id, build.log
    random, unsaid = counterpart(concepts, run.control, run.control_names), Log()
    rows = _concepts(concepts, build, run.title, log)
    control = _concepts(random, build, run.title, unsaid)
    put_metrics(con, rows, control=control, bank_id=bank_id)
    refits: dict[int, Fitted] = {}
    right: list[HeadAccuracy] = []
    # as many random directions as an activation has numbers leave nothing out: the linear probe
    k, d = run.control.control.directions.shape
    spanning = k >= d
    for head in heads:
        title = head.spec.title
        rows = _head(_reading(head, concepts, build), concepts, build, title, log)
        others: list[MetricRow] = []
        if head.fitted.refit is not None and not (spanning and head.fitted.linear):
            with log.attempt(MEASURE_STAGE, title, undone="no control by random directions"):
                fitted = head.fitted.refit(random.scores)
                drawn_logits = logits_of(fitted, random.scores)
                limits = thresholds_of(build, fitted.classes, drawn_logits, fitted.head.link)
                refits[head.head_id] = replace(fitted, thresholds=limits)
                again = head._replace(fitted=refits[head.head_id])
                others = _head(_reading(again, random, build), random, build, title, unsaid)
        put_metrics(con, rows, control=others, bank_id=bank_id, head_id=head.head_id)
        drawn = _accuracies(others)
        right += [
            HeadAccuracy(
                head.head_id, bank_id, split, one, drawn[split].value if split in drawn else np.nan
            )
            for split, one in _accuracies(rows).items()
        ]
    return refits, right


def counterpart(
    concepts: LabelledScores, drawn: ControlCodes, names: pd.DataFrame | None
) -> LabelledScores:
    """The control with labels as the bank has them: of a bank whose concepts were named for the
    labels that they match, its own matches in `names`, or the bank alone would have chosen; else
    the same."""
    if names is None or concepts.probes or concepts.worded:
        return control_scores(concepts, drawn)
    return control_scores(concepts, drawn, named_for(names))


def _accuracies(rows: Sequence[MetricRow]) -> dict[str, Measure]:
    return {row.split: row.measure for row in rows if row.name == "class_accuracy"}


def _concepts(concepts: LabelledScores, build: Build, subject: str, log: Log) -> list[MetricRow]:
    found: list[MetricRow] = []
    for measure in (metric_maps.in_masks, metric_maps.right_side, leakage.rows):
        with log.attempt(MEASURE_STAGE, subject):
            found += measure(concepts, build)
    return found


def _head(
    reading: Reading, concepts: LabelledScores, build: Build, subject: str, log: Log
) -> list[MetricRow]:
    """A head without weights can be asked for nothing but its accuracies."""
    of_weights = (metric_heads.presence, metric_heads.location, metric_heads.importance)
    found: list[MetricRow] = []
    for measure in (metric_heads.accuracies, *(of_weights if reading.linear else ())):
        with log.attempt(MEASURE_STAGE, subject):
            found += measure(reading, concepts, build)
    return found


def _reading(head: MeasuredHead, concepts: LabelledScores, build: Build) -> Reading:
    fitted = head.fitted
    return metric_heads.read(fitted, concepts, build, sparse=head.spec.kind == "sparse")
