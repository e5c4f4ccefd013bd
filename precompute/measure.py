"""Do a bank's concepts exist, and are they where they should be? Beside chance and a control."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from core.recipe import HeadSpec
from data import write
from precompute import leakage, measure_heads, measure_maps
from precompute.activations import ActivationStore
from precompute.claims import Claims, control, stored
from precompute.encode import Codes
from precompute.ground import STAGE, Ground
from precompute.heads import Fitted
from precompute.measure_heads import Reading
from precompute.measure_maps import Row
from precompute.sources import Log


class Measured(NamedTuple):
    """A head of a bank, as the build made it."""

    head_id: int
    spec: HeadSpec
    fitted: Fitted


def bank(
    con: duckdb.DuckDBPyConnection,
    bank_id: int,
    codes: Codes,
    concept: pd.DataFrame,
    scores: np.ndarray,
    *,
    label_of: np.ndarray,
    heads: Sequence[Measured],
    ground: Ground,
    activations: ActivationStore,
    log: Log,
    pool: str = "mean",
) -> int:
    """Measures a bank and its heads and writes the rows; returns how many.

    What cannot be measured of a head is a notice; what cannot be measured of any bank is one that
    `ground.survey` wrote.
    """
    probes = bool((concept["name_source"] == "label").all())
    # a bank fitted to labels says how often its sign is right, where its sign says anything
    sided = bool(concept["train_accuracy"].notna().all())
    worded = bool((concept["name_source"] == "word").all())
    claims = Claims(scores, label_of, probes, stored(codes), worded, sided)
    random = control(claims, activations, ground, pool=pool)
    found = _concepts(claims, ground)
    n = put(con, found, control=_concepts(random, ground), bank_id=bank_id)
    # as many random directions as an activation has numbers span all of it: the linear probe
    spanning = scores.shape[1] >= activations.tokens(0).shape[2]
    for head in heads:
        found, missing = _head(_reading(head, claims, ground), claims, ground)
        if missing is not None:
            log.notice(STAGE, head.spec.title, missing)
        drawn: list[Row] = []
        if head.fitted.refit is not None and not (spanning and head.fitted.linear):
            again = head._replace(fitted=head.fitted.refit(random.scores))
            drawn, _ = _head(_reading(again, random, ground), random, ground)
        n += put(con, found, control=drawn, bank_id=bank_id, head_id=head.head_id)
    return n


def _concepts(claims: Claims, ground: Ground) -> list[Row]:
    return [
        *measure_maps.in_masks(claims, ground),
        *measure_maps.right_side(claims, ground),
        *leakage.rows(claims, ground),
    ]


def _head(reading: Reading, claims: Claims, ground: Ground) -> tuple[list[Row], ValueError | None]:
    if not reading.linear:  # it has no weights, so nothing else can be asked
        return measure_heads.accuracies(reading, claims, ground), None
    rows = [
        *measure_heads.accuracies(reading, claims, ground),
        *measure_heads.presence(reading, claims, ground),
        *measure_heads.location_rows(reading, claims, ground),
    ]
    try:
        return [*rows, *measure_heads.importance(reading, claims, ground)], None
    except ValueError as error:
        return rows, error


def _reading(head: Measured, claims: Claims, ground: Ground) -> Reading:
    fitted = head.fitted
    return measure_heads.read(fitted, claims, ground, sparse=head.spec.kind == "sparse")


def put(
    con: duckdb.DuckDBPyConnection,
    rows: Sequence[Row],
    *,
    control: Sequence[Row] = (),
    bank_id: int | None = None,
    head_id: int | None = None,
) -> int:
    """Writes what has a value, each beside the row of `control` that measures the same."""
    drawn = {_same(row): row.measure.value for row in control if row.concept_id is None}
    kept = [row for row in rows if row.measure.n and np.isfinite(row.measure.value)]
    write.put(
        con,
        "metric",
        {
            "scope": [row.scope for row in kept],
            "head_id": pa.array([head_id] * len(kept), pa.uint16()),
            "bank_id": pa.array([bank_id] * len(kept), pa.uint16()),
            "concept_id": pa.array([row.concept_id for row in kept], pa.uint32()),
            "name": [row.name for row in kept],
            "variant": [json.dumps(dict(row.variant), sort_keys=True) for row in kept],
            "split": [row.split for row in kept],
            "value": [row.measure.value for row in kept],
            "n": [row.measure.n for row in kept],
            "chance": _numbers([row.measure.chance for row in kept]),
            "control": _numbers([drawn.get(_same(row)) for row in kept]),
        },
    )
    return len(kept)


def _same(row: Row) -> tuple[object, ...]:
    return row.scope, row.name, row.variant, row.split, row.concept_id


def _numbers(values: list[float | None]) -> pa.Array:
    """NaN becomes NULL."""
    return pa.array(np.array(values, dtype=np.float64), pa.float64(), from_pandas=True)
