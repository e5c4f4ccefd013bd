"""Saliency of the backbone's prediction, on a spread of images."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Integer

from core.maps import quantise_alike
from core.saliency import METHODS
from data.images import open_image
from precompute.intake import Build, run_shards, short_hash

_SHARD = 32


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
    parts = [rows[i : i + _SHARD] for i in range(0, len(rows), _SHARD)]
    # another recipe on the same activations may explain other images
    name = f"{method}-{short_hash(str(sorted(params.items())), *map(str, rows))}"
    folders = [build.work / "saliency" / name / f"{i:05d}" for i in range(len(parts))]
    files = build.rows["file"].to_numpy()

    def work(i: int, out: Path) -> dict[str, Any]:
        images = [open_image(build.dataset.path(files[row]))[0] for row in parts[i]]
        pixels = backbone.preprocess(images)
        target = torch.from_numpy(targets[parts[i]])
        result = METHODS[method].function(backbone, pixels, target, **params)
        np.save(out / "maps.npy", result.maps.detach().float().cpu().numpy())
        return {"n": len(images)}

    seconds = run_shards(f"saliency {method}"[:24], folders, work, units=[len(p) for p in parts])
    ids = build.image_ids
    columns: dict[str, list[Any]] = {
        name: [] for name in ("image_id", "output", "map_h", "map_w", "scale", "value")
    }
    for part, out in zip(parts, folders, strict=True):
        for row, values in zip(part, np.load(out / "maps.npy"), strict=True):
            steps, scale = quantise_alike(values)
            columns["image_id"].append(ids[row])
            columns["output"].append(int(targets[row]))
            columns["map_h"].append(values.shape[0])
            columns["map_w"].append(values.shape[1])
            columns["scale"].append(scale)
            columns["value"].append(steps.ravel())
    return columns, seconds
