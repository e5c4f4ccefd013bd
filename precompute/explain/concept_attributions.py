"""Where in an image does the score of a concept come from, through the model? Rows of the table
`concept_attribution`, on each concept's strongest images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import torch

from core import saliency
from core.concepts import CraftBank, ScoredBackbone
from core.maps import quantise_alike
from data import write
from precompute.banks import BankRun, Description
from precompute.intake import Build, run_shards, short_hash

METHODS = ("integrated_gradients", "grad_cam")
"""keys of core.saliency.METHODS: one through the pixels, one at the layer itself"""
SHARD = 8
"""concepts a shard: what a build that is killed has to explain again"""


def put(con: duckdb.DuckDBPyConnection, run: BankRun, build: Build) -> None:
    """Rows of `concept_attribution`, for banks whose codes can be differentiated (craft)."""
    bank, title = run.bank, run.title
    if not isinstance(bank, CraftBank) or bank.n_attributed == 0:
        return
    scored = ScoredBackbone(build.backbone, bank, run.pool)
    top = _strongest(run.description, int(bank.n_attributed))
    concepts = sorted(top)
    shards = [concepts[i : i + SHARD] for i in range(0, len(concepts), SHARD)]
    files = build.rows["file"].to_numpy()
    seconds = 0.0
    for method in METHODS:
        name = f"attribution-{method}-{short_hash(str(top))}"
        folders = [run.folder / name / f"{i:05d}" for i in range(len(shards))]

        def work(i: int, out: Path, method: str = method) -> dict[str, Any]:
            for concept in shards[i]:
                opened = [build.dataset.open(files[r]) for r in top[concept]]
                # one call: a concept has few strongest images
                target = torch.full((len(opened),), concept)
                function = saliency.METHODS[method].function
                maps = function(scored, scored.preprocess(opened), target).maps
                np.save(out / f"{concept}.npy", maps.detach().float().cpu().numpy())
            return {"n": len(shards[i])}

        units = [len(shard) for shard in shards]
        label = f"{method} of {title}"[:24]
        seconds += run_shards(label, folders, work, units=units, unit="concepts")
        image_ids = build.image_ids
        for shard, out in zip(shards, folders, strict=True):
            for concept in shard:
                found = _rows(np.load(out / f"{concept}.npy"), image_ids[top[concept]])
                same = {
                    "bank_id": run.bank_id,
                    "concept_id": concept,
                    "method": method,
                    "signed": saliency.METHODS[method].signed,
                }
                found |= {name: [value] * len(top[concept]) for name, value in same.items()}
                write.put(con, "concept_attribution", found)
    build.log.stage(f"attributions of {title}", seconds, len(concepts), "concepts")


def _strongest(description: Description, images: int) -> dict[int, list[int]]:
    """Rows of the images with the largest scores of every concept that fires."""
    alive = set(description.concept.loc[description.concept["n_active"] > 0, "concept_id"])
    example: pd.DataFrame = description.tables["example"]
    first = example[(example["group_id"] == 0) & (example["rank"] < images)]
    groups = first.sort_values("rank").groupby("concept_id")["row"]
    return {int(str(c)): [int(r) for r in rows] for c, rows in groups if c in alive}


def _rows(maps: np.ndarray, image_ids: np.ndarray) -> dict[str, list[Any]]:
    """One scale for all maps of a concept, so that its images compare."""
    steps, scale = quantise_alike(maps)
    n, h, w = maps.shape
    return {
        "image_id": image_ids.tolist(),
        "map_h": [h] * n,
        "map_w": [w] * n,
        "scale": [scale] * n,
        "value": [step.ravel() for step in steps],
    }
