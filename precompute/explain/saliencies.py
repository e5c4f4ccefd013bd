"""Saliency of the backbone's predictions: explained, judged, and written, method by method."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

from core.recipe import SaliencySpec
from core.sampling import evenly_by_split
from data import write
from precompute.explain import faithfulness, saliency_maps
from precompute.explain.metric_saliency import on_parts
from precompute.intake import ActivationStore, Classes, Ground, Sources
from precompute.quality import put_metrics


def put_saliency(
    con: duckdb.DuckDBPyConnection,
    spec: SaliencySpec,
    sources: Sources,
    activations: ActivationStore,
    classes: Classes,
    ground: Ground,
    work: Path,
) -> None:
    """What cannot be explained is a notice."""
    log = sources.log
    rows = evenly_by_split(activations.rows["split"].to_numpy(), spec.limit)
    for name in spec.methods:
        try:
            columns, seconds = saliency_maps.explain(
                sources.dataset,
                sources.backbone,
                activations,
                work / "saliency",
                method=name,
                params=spec.params.get(name, {}),
                rows=rows,
            )
        except ValueError as error:
            log.notice("saliency", name, error)
            continue
        log.stage(f"saliency {name}", seconds, len(rows), "images")
        with log.timed(f"measure {name}", len(rows), "images"):
            put_metrics(con, on_parts(columns, sources.dataset, activations, ground, method=name))
        with log.timed(f"faithfulness {name}", min(len(rows), spec.faithfulness), "images"):
            found = faithfulness.of_saliency(
                columns, sources, activations, ground, method=name, n=spec.faithfulness
            )
            put_metrics(con, found)
        outputs = np.array(columns.pop("output"))
        columns["class_id"] = list(classes.of_output[outputs])
        columns["method"] = [name] * len(outputs)
        write.put(con, "saliency", columns)
