"""One pass over the images: decode, thumbnail, forward, and keep the tokens on disk."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float
from torch import Tensor

from core.backbones import no_cls
from core.types import Backbone
from data import progress
from data.datasets import Dataset
from data.images import encode_jpeg
from precompute.intake import shards

SHARD = 256
"""images a shard"""
THUMB, PICTURE = 128, 384
"""pixels, long side"""


@dataclass(frozen=True)
class Decoded:
    row: dict[str, Any]
    pixels: Float[Tensor, "3 H W"]


def extract(
    dataset: Dataset, backbone: Backbone, folder: Path, *, batch: int
) -> tuple[ActivationStore, float]:
    """All shards of the data set's activations under `folder`, and the seconds they took."""
    rows = dataset.images
    parts = [rows.iloc[i : i + SHARD] for i in range(0, len(rows), SHARD)]
    folders = [folder / f"{i:05d}" for i in range(len(parts))]

    def work(i: int, out: Path) -> dict[str, Any]:
        return _shard(dataset, backbone, parts[i], out, batch=batch)

    seconds = shards.run_shards(
        "images → activations", folders, work, units=[len(p) for p in parts]
    )
    return ActivationStore(folders), seconds


def _shard(
    dataset: Dataset, backbone: Backbone, rows: pd.DataFrame, out: Path, *, batch: int
) -> dict[str, Any]:
    kept: list[dict[str, Any]] = []
    skipped: list[dict[str, str]] = []
    tokens, cls, logits, embedding = [], [], [], []
    has_cls = not no_cls(backbone)
    grid: list[int] = []
    extra = 0
    input_size: list[int] = []
    for group in _decoded(dataset, backbone, rows, skipped, batch=batch):
        if not kept:
            progress.show([item.row["thumb"] for item in group])
        result = backbone.forward(torch.stack([item.pixels for item in group]))
        good = torch.isfinite(result.tokens).flatten(1).all(1)
        own = result.extra[:, 0] if has_cls else None
        for beside in (own, result.logits, result.embedding):
            if beside is not None:
                good &= torch.isfinite(beside).all(1)
        for item, fine in zip(group, good.tolist(), strict=True):
            if fine:
                kept.append(item.row)
            else:
                reason = f"activations at layer {backbone.layer} are not finite (NaN or infinite)"
                skipped.append({"file": item.row["file"], "reason": reason})
        tokens.append(result.tokens[good].float().cpu().numpy())
        if own is not None:
            cls.append(own[good].float().cpu().numpy())
        if result.logits is not None:
            logits.append(result.logits[good].float().cpu().numpy())
        if result.embedding is not None:
            embedding.append(result.embedding[good].float().cpu().numpy())
        grid, extra = [*result.grid], result.extra.shape[1]
        input_size = [*group[0].pixels.shape[1:]]
    if kept:
        stacked = np.concatenate(tokens)
        np.save(out / "tokens.npy", stacked)
        np.save(out / "pooled.npy", stacked.mean(1, dtype=np.float64).astype(np.float32))
        if cls:
            np.save(out / "cls.npy", np.concatenate(cls))
        if logits:
            np.save(out / "logits.npy", np.concatenate(logits))
        if embedding:
            np.save(out / "embedding.npy", np.concatenate(embedding))
        pd.DataFrame(kept).to_parquet(out / "rows.parquet")
    return {
        "n": len(kept),
        "skipped": skipped,
        "grid": grid,
        "n_extra": extra,
        "input": input_size,
    }


def _decoded(
    dataset: Dataset,
    backbone: Backbone,
    rows: pd.DataFrame,
    skipped: list[dict[str, str]],
    *,
    batch: int,
) -> Iterator[list[Decoded]]:
    """Batches of images that can be read; the others go to `skipped`. Decodes one batch ahead."""

    def decode(row: Any) -> Decoded | dict[str, str]:
        try:
            image, note = dataset.read(row.file)
            pixels = backbone.preprocess([image])[0]
        except ValueError as error:
            return {"file": row.file, "reason": str(error)}
        box = backbone.view(*image.size)
        facts = {
            "image_id": row.image_id,
            "file": row.file,
            "label": row.label,
            "split": row.split,
            "width": image.width,
            "height": image.height,
            "note": note,
            "view_x0": box.x0,
            "view_y0": box.y0,
            "view_x1": box.x1,
            "view_y1": box.y1,
            "thumb": encode_jpeg(image, long_side=THUMB, quality=82),
            "picture": encode_jpeg(image, long_side=PICTURE, quality=90),
        }
        return Decoded(facts, pixels)

    group: list[Decoded] = []
    with ThreadPoolExecutor(2) as pool:
        for item in pool.map(decode, rows.itertuples(index=False)):
            if isinstance(item, dict):
                skipped.append(item)
                continue
            group.append(item)
            if len(group) == batch:
                yield group
                group = []
    if group:
        yield group


@dataclass(frozen=True)
class ActivationStore:
    """Activations on disk, shard after shard, in order of image_id."""

    all_folders: list[Path]

    @cached_property
    def folders(self) -> list[Path]:
        """Shards with at least one usable image."""
        return [f for f in self.all_folders if shards.facts_of(f)["n"] > 0]

    @cached_property
    def facts(self) -> dict[str, Any]:
        """grid, n_extra and input of the first usable shard."""
        return shards.facts_of(self.folders[0])

    @cached_property
    def skipped(self) -> list[dict[str, str]]:
        return [row for f in self.all_folders for row in shards.facts_of(f)["skipped"]]

    @cached_property
    def rows(self) -> pd.DataFrame:
        """Facts of every usable image, without its pictures; index 0.. in shard order."""
        columns = [
            "image_id",
            "file",
            "label",
            "split",
            "width",
            "height",
            "note",
            "view_x0",
            "view_y0",
            "view_x1",
            "view_y1",
        ]
        frames = [pd.read_parquet(f / "rows.parquet", columns=columns) for f in self.folders]
        return pd.concat(frames, ignore_index=True)

    def pooled(self) -> Float[np.ndarray, "n d"]:
        return np.concatenate([np.load(f / "pooled.npy") for f in self.folders])

    def cls(self) -> Float[np.ndarray, "n d"] | None:
        """CLS tokens; None: the model has none at the layer, or nothing reads it there."""
        if not (self.folders[0] / "cls.npy").exists():
            return None
        return np.concatenate([np.load(f / "cls.npy") for f in self.folders])

    def cls_of(self, shard: int) -> Float[np.ndarray, "n d"]:
        """CLS tokens of a shard; they must be there."""
        found: Float[np.ndarray, "n d"] = np.load(self.folders[shard] / "cls.npy")
        return found

    def logits(self) -> Float[np.ndarray, "n y"] | None:
        if not (self.folders[0] / "logits.npy").exists():
            return None
        return np.concatenate([np.load(f / "logits.npy") for f in self.folders])

    @cached_property
    def n_outputs(self) -> int:
        """Logits of an image; 0: the model does not classify."""
        file = self.folders[0] / "logits.npy"
        return np.load(file, mmap_mode="r").shape[1] if file.exists() else 0

    def embedding(self) -> Float[np.ndarray, "n e"] | None:
        """Vectors of the images beside a CLIP-like model's texts; None: not such a model."""
        if not (self.folders[0] / "embedding.npy").exists():
            return None
        return np.concatenate([np.load(f / "embedding.npy") for f in self.folders])

    def tokens(self, shard: int) -> Float[np.ndarray, "n t d"]:
        return np.load(self.folders[shard] / "tokens.npy", mmap_mode="r")
