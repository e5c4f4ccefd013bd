"""Which parts do saliency maps mark? Metric `relevance`: the share of a map on each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from core.measure import mean_of
from core.metrics.mask_overlap import localisation
from core.types import Box, Grid
from data.images import from_runs
from precompute.intake import VIEW, Build, cell_share
from precompute.quality import MetricRow

EXPLAINED = 300
"""maps of one method looked at"""


def on_parts(columns: Mapping[str, list[Any]], build: Build, *, method: str) -> list[MetricRow]:
    """`columns` are those of the table `saliency`. Nothing without masks."""
    dataset = build.dataset
    if not len(dataset.masks):
        return []
    facts = {row["image_id"]: row for row in build.rows.to_dict("records")}
    kept = [
        (image_id, i)
        for i, image_id in enumerate(columns["image_id"])
        if facts[image_id]["split"] in build.judged
    ][:EXPLAINED]
    place = dict(kept)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    masks = dataset.masks[dataset.masks["image_id"].isin(list(place))]
    for mask in masks.to_dict("records"):
        i, image = place[mask["image_id"]], facts[mask["image_id"]]
        grid = Grid(columns["map_h"][i], columns["map_w"][i])
        pixels = from_runs(mask["runs"], h=mask["height"], w=mask["width"])
        share = cell_share(pixels, grid, Box(*(image[c] for c in VIEW)))
        # a map's scale is positive and the measure a ratio, so its steps serve as well
        steps = np.asarray(columns["value"][i], dtype=np.float64)
        part = localisation(steps[None], share.reshape(1, -1))
        found.setdefault((image["split"], mask["part"]), []).append(
            (float(part.precision[0]), float(part.area[0]))
        )
    return [
        MetricRow(
            "backbone",
            "relevance",
            mean_of(*np.array(values).T),
            split,
            (("method", method), ("part", part)),
        )
        for (split, part), values in sorted(found.items())
    ]
