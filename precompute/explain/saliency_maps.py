"""Where in an image does the logit of the predicted class come from? One map an image, kept on disk
until all are there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Integer

from core.maps import quantise_alike
from core.saliency import METHODS
from precompute.intake import Build, run_shards, short_hash

SHARD = 32
"""images a shard: what a build that is killed has to explain again"""
BATCH = 32
"""images explained in one call: gradients of that many fit on a GPU"""


def explain(
    build: Build,
    *,
    method: str,
    params: Mapping[str, Any],
    rows: Integer[np.ndarray, " m"],
) -> tuple[dict[str, list[Any]], float]:
    """Columns of the table `saliency` (class as output index), and the seconds it took.

    The images are decoded again: explaining a spread costs less than keeping all pixels.
    """
    logits, backbone = build.logits, build.backbone
    if logits is None:
        raise ValueError(
            "the backbone does not classify, so there is no logit to explain; saliency needs a "
            "checkpoint with a classifier"
        )
    targets = logits.argmax(1)
    shards = [rows[i : i + SHARD] for i in range(0, len(rows), SHARD)]
    # another recipe on the same activations may explain other images
    name = f"{method}-{short_hash(str(sorted(params.items())), *map(str, rows))}"
    folders = [build.work / "saliency" / name / f"{i:05d}" for i in range(len(shards))]
    files = build.rows["file"].to_numpy()

    def work(i: int, out: Path) -> dict[str, Any]:
        maps = []
        for start in range(0, len(shards[i]), BATCH):
            batch = shards[i][start : start + BATCH]
            images = [build.dataset.open(files[row]) for row in batch]
            target = torch.from_numpy(targets[batch])
            function = METHODS[method].function
            result = function(backbone, backbone.preprocess(images), target, **params)
            maps.append(result.maps.detach().float().cpu().numpy())
        np.save(out / "maps.npy", np.concatenate(maps))
        return {"n": len(shards[i])}

    seconds = run_shards(
        f"saliency {method}"[:24], folders, work, units=[len(shard) for shard in shards]
    )
    ids = build.image_ids
    columns: dict[str, list[Any]] = {
        name: [] for name in ("image_id", "output", "map_h", "map_w", "scale", "value")
    }
    for shard, out in zip(shards, folders, strict=True):
        for row, values in zip(shard, np.load(out / "maps.npy"), strict=True):
            steps, scale = quantise_alike(values)
            columns["image_id"].append(ids[row])
            columns["output"].append(int(targets[row]))
            columns["map_h"].append(values.shape[0])
            columns["map_w"].append(values.shape[1])
            columns["scale"].append(scale)
            columns["value"].append(steps.ravel())
    return columns, seconds
