"""By each saliency method: the maps of predictions, measures of the maps, and the rows of the table
`saliency`."""

from __future__ import annotations

import duckdb
import numpy as np
from jaxtyping import Integer

from core.sampling import evenly_by_split
from data import write
from precompute.explain import metric_faithfulness, saliency_maps
from precompute.explain.metric_relevance import on_parts
from precompute.intake import Build
from precompute.quality import put_metrics


def put_saliency(con: duckdb.DuckDBPyConnection, build: Build) -> None:
    """What cannot be explained is a notice."""
    log, spec = build.log, build.recipe.saliency
    rows = evenly_by_split(build.split, spec.limit)
    for name in spec.methods:
        with log.attempt("saliency", name, con):
            _put(con, build, name, rows)


def _put(
    con: duckdb.DuckDBPyConnection, build: Build, name: str, rows: Integer[np.ndarray, " m"]
) -> None:
    """One method's maps and what they are worth."""
    log, spec = build.log, build.recipe.saliency
    columns, seconds = saliency_maps.explain(
        build, method=name, params=spec.params.get(name, {}), rows=rows
    )
    log.stage(f"saliency {name}", seconds, len(rows), "images")
    with (
        log.attempt("saliency", name, undone="not measured on parts"),
        log.timed(f"measure {name}", len(rows), "images"),
    ):
        put_metrics(con, on_parts(columns, build, method=name))
    with (
        log.attempt("saliency", name, undone="faithfulness not measured"),
        log.timed(f"faithfulness {name}", min(len(rows), spec.faithfulness), "images"),
    ):
        put_metrics(con, metric_faithfulness.of_saliency(columns, build, method=name))
    outputs = np.array(columns.pop("output"))
    columns["class_id"] = list(build.output_classes[outputs])
    columns["method"] = [name] * len(outputs)
    write.put(con, "saliency", columns)
