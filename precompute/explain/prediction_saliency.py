"""By each saliency method: the maps of predictions, measures of the maps, and the rows of the table
`saliency`."""

from __future__ import annotations

import duckdb
import numpy as np

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
        try:
            columns, seconds = saliency_maps.explain(
                build, method=name, params=spec.params.get(name, {}), rows=rows
            )
        except ValueError as error:
            log.notice("saliency", name, error)
            continue
        log.stage(f"saliency {name}", seconds, len(rows), "images")
        with log.timed(f"measure {name}", len(rows), "images"):
            put_metrics(con, on_parts(columns, build, method=name))
        with log.timed(f"faithfulness {name}", min(len(rows), spec.faithfulness), "images"):
            put_metrics(con, metric_faithfulness.of_saliency(columns, build, method=name))
        outputs = np.array(columns.pop("output"))
        columns["class_id"] = list(build.output_classes[outputs])
        columns["method"] = [name] * len(outputs)
        write.put(con, "saliency", columns)
