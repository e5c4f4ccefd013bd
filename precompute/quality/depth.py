"""At which layer can each labelled concept be read off? Rows of the table `depth`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Integer

from core.backbones import ManyLayers, open_layers
from core.counted import counted
from core.metrics import learnability, probes
from data import write
from data.datasets import Dataset, spread
from data.images import UnusableImage
from precompute.intake import Build, Log, run_shards, short_hash

FOLDS = 5
DRAWS = 3
"""control tasks for each label, whose mean is kept"""
NAMED = 5
"""images that a notice names"""


def put_depth(con: duckdb.DuckDBPyConnection, build: Build) -> None:
    """Probe every labelled concept at every layer of the recipe, if it names any.

    The images are held-out ones where there are any, spread over classes. What keeps it, or one
    layer, from being done becomes a notice.
    """
    layers = build.recipe.depth.layers
    if layers:
        with build.log.attempt("depth", ", ".join(layers), con):
            _put(con, build)


def _put(con: duckdb.DuckDBPyConnection, build: Build) -> None:
    spec, log = build.recipe.depth, build.log
    layers = open_layers(build.backbone, spec.layers)
    rows, y = _images(build, limit=spec.limit)
    seconds, pooled, used = _pooled(
        layers,
        build.dataset,
        build.rows.iloc[rows],
        build.work / "depth" / short_hash(*layers.names, str(rows)),
        batch=build.recipe.backbone.batch,
    )
    log.stage("depth: one pass", seconds, len(used), "images")
    with log.timed("depth: probes", len(layers.names), "layers"):
        y, classes = y[used], build.class_of[rows[used]]
        files = build.rows["file"].iloc[rows[used]].tolist()
        kept = _finite(list(layers.names), pooled, files, log)
        for position, i in enumerate(kept):
            frame = probe(pooled[i], y, classes, seed=build.seed)
            frame["layer"], frame["position"] = layers.names[i], position
            frame["grid_h"], frame["grid_w"] = layers.layouts[i].grid
            frame["width"] = pooled[i].shape[1]
            if len(frame):
                write.frame(con, "depth", frame)


def _finite(
    layers: Sequence[str],
    pooled: Sequence[Float[np.ndarray, "n _"]],
    files: Sequence[str],
    log: Log,
) -> list[int]:
    """Indices of the layers without NaN and infinity; the others become notices."""
    kept = []
    for i, (layer, x) in enumerate(zip(layers, pooled, strict=True)):
        bad = [files[row] for row in np.flatnonzero(~np.isfinite(x).all(1)).tolist()]
        if not bad:
            kept.append(i)
            continue
        more = f" and {len(bad) - NAMED} more" if len(bad) > NAMED else ""
        text = (
            f"activations at layer {layer} are not finite (NaN or infinite) for {len(bad)} of "
            f"{counted(len(files), 'image')}: {', '.join(bad[:NAMED])}{more}. The layer is left "
            "out, for "
            "layers are compared on the same images; to have it, take those images out of the data"
        )
        log.notice("depth", layer, ValueError(text))
    return kept


def probe(
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "n l"],
    classes: Integer[np.ndarray, " n"],
    *,
    seed: int,
) -> pd.DataFrame:
    """labelled_id, auc, lo, hi, control, n, n_positive of a logistic probe for each label (1, 0 or
    NaN), cross-validated in folds that spread the classes evenly.

    The control gives each label the same probe for values dealt out to the classes at random, about
    as many of them positive as images are: what class identity alone lets the probe reach. That is
    what a word type is in the control tasks of Hewitt & Liang 2019 (arXiv 1909.03368): values dealt
    out to single images could not be told on held-out ones, whatever the probe memorised. NaN with
    fewer than two classes. Labels with fewer than two images of either kind are left out.
    """
    kept = np.flatnonzero(np.minimum((y == 1).sum(0), (y == 0).sum(0)) >= 2)
    if not len(kept) or len(y) < 4:
        return pd.DataFrame()
    rng = np.random.default_rng(seed)
    dealt = [_dealt(y[:, label], classes, rng) for label in np.tile(kept, DRAWS)]
    fold = probes.folds(classes, n=min(FOLDS, len(y) // 2), seed=seed)
    both = np.column_stack([y[:, kept], *dealt])
    scores = probes.ranked(probes.standardised(x).astype(np.float32)[None], both, fold)
    rows: list[dict[str, Any]] = []
    for j, label in enumerate(kept):
        found = learnability.placements(scores[:, j], both[:, j], fold)
        area = learnability.auc(found)
        others = range(len(kept) + j, both.shape[1], len(kept))
        controls = [
            learnability.auc(learnability.placements(scores[:, c], both[:, c], fold)).value
            for c in others
        ]
        controls = [value for value in controls if not np.isnan(value)]
        judged = ~np.isnan(found.value)
        if np.isnan(area.value):
            continue  # no fold has both kinds
        rows.append(
            {
                "labelled_id": int(label),
                "auc": area.value,
                "lo": area.lo,
                "hi": area.hi,
                "control": float(np.mean(controls)) if controls else np.nan,
                "n": int(judged.sum()),
                "n_positive": int((judged & found.positive).sum()),
            }
        )
    return pd.DataFrame(rows)


def _dealt(
    y: Float[np.ndarray, " n"], classes: Integer[np.ndarray, " n"], rng: np.random.Generator
) -> Float[np.ndarray, " n"]:
    """1 for the images of as large a share of the classes as of the labelled images shows the
    label, at least of one class and not of all; NaN where label or class (-1) is unknown."""
    known = ~np.isnan(y) & (classes >= 0)
    there = np.unique(classes[known])
    if len(there) < 2:
        return np.full(len(y), np.nan)
    n = int(np.clip(round(float(y[known].mean()) * len(there)), 1, len(there) - 1))
    positive = np.isin(classes, rng.choice(there, n, replace=False))
    return np.where(known, positive, np.nan)


def _images(
    build: Build, *, limit: int
) -> tuple[Integer[np.ndarray, " n"], Float[np.ndarray, "n l"]]:
    """Rows of the images looked at, and their labels."""
    if build.labels is None:
        raise ValueError("the data set has no labelled concepts to probe for")
    held_out = len(build.held_out) > 0
    rows = build.held_out if held_out else build.train
    labels = build.labels.test if held_out else build.labels.train
    frame = build.rows.iloc[rows]
    names = [None if pd.isna(label) else str(label) for label in frame["label"]]
    picked = spread(frame["split"].tolist(), names, limit=limit)
    return rows[picked], labels[picked]


def _pooled(
    layers: ManyLayers,
    dataset: Dataset,
    rows: pd.DataFrame,
    folder: Path,
    *,
    batch: int,
) -> tuple[float, list[Float[np.ndarray, "n d"]], Integer[np.ndarray, " n"]]:
    """Seconds, pooled tokens of every layer, and which of `rows` they are of."""

    def work(_i: int, out: Path) -> dict[str, Any]:
        parts: list[list[np.ndarray]] = [[] for _ in layers.names]
        used: list[int] = []
        files = rows["file"].tolist()
        for start in range(0, len(files), batch):
            pixels = []
            for place, file in enumerate(files[start : start + batch], start):
                try:
                    image = dataset.open(file)
                except UnusableImage:
                    continue  # it went away since the first pass
                pixels.append(layers.backbone.preprocess([image])[0])
                used.append(place)
            if pixels:
                for part, vectors in zip(parts, layers.pooled(torch.stack(pixels)), strict=True):
                    part.append(vectors.float().cpu().numpy())
        if not used:
            raise ValueError("none of the images for depth can be read any more")
        found = {str(i): np.concatenate(part) for i, part in enumerate(parts)}
        np.savez(out / "pooled.npz", used=np.array(used), **found)  # type: ignore[arg-type]
        return {"n": len(used)}

    seconds = run_shards("depth", [folder], work, units=[len(rows)])
    with np.load(folder / "pooled.npz") as file:
        return seconds, [file[str(i)] for i in range(len(layers.names))], file["used"]
