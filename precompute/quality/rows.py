"""Rows of the tables `quality` and `metric`, before they know the bank or head they are of."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from core.kinds import Scope
from core.measure import Measure
from data import write


@dataclass(frozen=True)
class Figure:
    """A row of the table `quality`, as its columns say. NaN: there is none."""

    measure: str
    value: float
    n: int
    control: float = math.nan
    chance: float = math.nan
    best: float = math.nan


class MetricRow(NamedTuple):
    """A row of the table `metric`, before it knows its bank and head."""

    scope: Scope
    name: str
    measure: Measure
    split: str
    variant: tuple[tuple[str, str | int], ...] = ()
    concept_id: int | None = None


def put_metrics(
    con: duckdb.DuckDBPyConnection,
    rows: Sequence[MetricRow],
    *,
    control: Sequence[MetricRow] = (),
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


def _same(row: MetricRow) -> tuple[object, ...]:
    return row.scope, row.name, row.variant, row.split, row.concept_id


def _numbers(values: list[float | None]) -> pa.Array:
    """NaN becomes NULL."""
    return pa.array(np.array(values, dtype=np.float64), pa.float64(), from_pandas=True)
