"""A bank over all activations: maps and scores, shard by shard, sparse from the start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Float64
from scipy.sparse import csc_array

from core.kinds import Pool
from core.maps import INDEX
from core.metrics import reconstruction
from core.types import ConceptBank
from precompute.banks.pooling import cls_scores
from precompute.intake import ActivationStore, facts_of, run_shards

_ENTRIES = 16_000_000
"""codes held densely at once"""
MAP = ("image", "concept", "token", "value")
"""arrays of a shard that say where its codes are, and what"""


def encode_bank(
    bank: ConceptBank,
    activations: ActivationStore,
    folder: Path,
    *,
    title: str,
    pool: Pool = "mean",
) -> tuple[Codes, float]:
    """Codes of every image under `folder`, and the seconds they took.

    `pool` is what an image's score is read from: its map ("mean" or "max" over tokens), or its
    CLS token, which `activations` must hold then.
    """
    n = len(activations.folders)
    folders = [folder / f"{i:05d}" for i in range(n)]
    sizes = [facts_of(f)["n"] for f in activations.folders]

    def work(i: int, out: Path) -> dict[str, Any]:
        cls = activations.cls_of(i) if pool == "cls" else None
        return _shard(bank, activations.tokens(i), out, pool=pool, cls=cls)

    seconds = run_shards(f"maps of {title}"[:24], folders, work, units=sizes)
    t, k = activations.tokens(0).shape[1], len(bank.directions)
    return Codes(folders, sizes, t, k, pool), seconds


@torch.inference_mode()
def _shard(
    bank: ConceptBank,
    tokens: Float[np.ndarray, "n t d"],
    out: Path,
    *,
    pool: Pool,
    cls: Float[np.ndarray, "n d"] | None,
) -> dict[str, Any]:
    n, t, _ = tokens.shape
    k = len(bank.directions)
    largest = np.zeros(k)
    n_on = np.zeros(k, dtype=np.int64)
    sums, magnitudes = np.zeros((k, t)), np.zeros((k, t))
    squared_error, squares = 0.0, 0.0
    total = np.zeros(tokens.shape[2])
    pieces: dict[str, list[np.ndarray]] = {}
    chunk = max(1, _ENTRIES // (t * k))
    for start in range(0, n, chunk):
        x = torch.from_numpy(np.array(tokens[start : start + chunk]))
        codes = bank.encode(x)
        if bank.offset is not None:
            rebuilt = reconstruction.rebuilt(bank, x, codes)
            squared_error += (x - rebuilt).double().square().sum().item()
        exact = x.double()
        total += exact.sum((0, 1)).numpy()
        squares += exact.square_().sum().item()
        dense = rearrange(codes, "n t k -> n k t").contiguous().numpy()
        largest = np.maximum(largest, np.maximum(dense.max((0, 2)), -dense.min((0, 2))))
        own = None if cls is None else cls_scores(bank, cls[start : start + chunk])
        found = sparse(dense, first=start, pool=pool, own=own)
        for name, piece in found.items():
            pieces.setdefault(name, []).append(piece)
        value, place = found["value"], found["concept"].astype(np.int64) * t + found["token"]
        on = value > 0
        n_on += np.bincount(found["concept"][on], minlength=k)
        added = np.bincount(place, value, k * t).reshape(k, t)
        sums += added
        if not on.all():
            added = np.bincount(place, np.abs(value), k * t).reshape(k, t)
        magnitudes += added
    codes_of_shard: Any = {name: np.concatenate(p) for name, p in pieces.items()}
    np.savez(out / "codes.npz", **codes_of_shard)
    np.savez(
        out / "sums.npz",
        largest=largest,
        n_on=n_on,
        sums=sums,
        magnitudes=magnitudes,
        squared_error=squared_error,
        squares=squares,
        total=total,
    )
    return {"n": n}


def sparse(
    dense: Float[np.ndarray, "n k t"],
    *,
    first: int,
    pool: Pool,
    own: Float[np.ndarray, "n k"] | None = None,
) -> dict[str, np.ndarray]:
    """Non-zero codes, ordered by image, concept and token; and image-level scores.

    `own`: scores that are not read from the map. A pair is listed where score or map is not 0.
    """
    _, k, t = dense.shape
    lit = dense != 0
    flat = np.flatnonzero(lit)
    pair, token = np.divmod(flat, t)
    image, concept = np.divmod(pair, k)
    shown = lit.any(2)
    if own is not None:
        shown |= own != 0
    lit_image, lit_concept = np.nonzero(shown)
    maps = dense[lit_image, lit_concept]
    peak_token = (maps if pool == "max" else np.abs(maps)).argmax(1)
    peak = maps[np.arange(len(maps)), peak_token]
    score = peak if pool == "max" else maps.mean(1, dtype=np.float64).astype(np.float32)
    if own is not None:
        score = own[lit_image, lit_concept].astype(np.float32)
    return {
        "image": (image + first).astype(np.uint32),
        "concept": concept.astype(INDEX),
        "token": token.astype(INDEX),
        "value": dense.ravel()[flat],
        "score_image": (lit_image + first).astype(np.uint32),
        "score_concept": lit_concept.astype(np.uint32),
        "score": score,
        "peak": peak,
        "peak_token": peak_token.astype(INDEX),
    }


@dataclass(frozen=True)
class Codes:
    """What `encode` left on disk."""

    folders: list[Path]
    sizes: list[int]
    n_tokens: int
    n_concepts: int
    pool: Pool = "mean"
    """what scores are read from"""

    def shard(self, i: int, names: Sequence[str] = MAP) -> dict[str, np.ndarray]:
        """Those of the arrays that `sparse` gave; of a large bank the others take long to read."""
        with np.load(self.folders[i] / "codes.npz") as file:
            return {name: file[name] for name in names}

    @cached_property
    def sums(self) -> dict[str, np.ndarray]:
        """Summed over shards; `largest` by maximum."""
        out: dict[str, np.ndarray] = {}
        for folder in self.folders:
            with np.load(folder / "sums.npz") as file:
                for name, value in file.items():
                    if name not in out:
                        out[name] = value
                    elif name == "largest":
                        out[name] = np.maximum(out[name], value)
                    else:
                        out[name] = out[name] + value
        return out

    @cached_property
    def n_images(self) -> int:
        return sum(self.sizes)

    @cached_property
    def l0(self) -> float:
        """Mean number of non-zero codes a token."""
        non_zero = sum(len(self.shard(i, ("token",))["token"]) for i in range(len(self.folders)))
        return non_zero / (self.n_images * self.n_tokens)

    @property
    def r2(self) -> float:
        """1 - squared error / squared deviation from the mean token, over all tokens."""
        sums = self.sums
        n = self.n_images * self.n_tokens
        spread = sums["squares"] - (sums["total"] ** 2).sum() / n
        return float(1 - sums["squared_error"] / spread)

    @cached_property
    def image_level(self) -> dict[str, np.ndarray]:
        """image (row), concept, score, peak, peak_token of every listed pair."""
        level = ("score_concept", "score", "peak", "peak_token")
        starts = np.cumsum([0, *self.sizes])
        parts: dict[str, list[np.ndarray]] = {}
        for i in range(len(self.folders)):
            piece = self.shard(i, ("score_image", *level))
            parts.setdefault("image", []).append(piece["score_image"] + starts[i])
            for name in level:
                parts.setdefault(name.removeprefix("score_"), []).append(piece[name])
        return {name: np.concatenate(p) for name, p in parts.items()}

    @cached_property
    def scores(self) -> csc_array:
        """n x k; pairs that are not listed are 0."""
        level = self.image_level
        return csc_array(
            (level["score"].astype(np.float64), (level["image"], level["concept"])),
            shape=(self.n_images, self.n_concepts),
        )

    @cached_property
    def means(self) -> csc_array:
        """n x k: mean codes over the patches, which are the scores unless these are read from
        elsewhere."""
        if self.pool == "mean":
            return self.scores
        starts = np.cumsum([0, *self.sizes])
        parts: dict[str, list[np.ndarray]] = {"row": [], "concept": [], "value": []}
        for i in range(len(self.folders)):
            piece = self.shard(i, ("image", "concept", "value"))
            parts["row"].append(piece["image"] + starts[i])
            parts["concept"].append(piece["concept"])
            parts["value"].append(piece["value"].astype(np.float64) / self.n_tokens)
        row, concept, value = (np.concatenate(p) for p in parts.values())
        # entries of the same pair are added up
        return csc_array((value, (row, concept)), shape=(self.n_images, self.n_concepts))

    def dense_maps(
        self, images: np.ndarray, concepts: np.ndarray | None = None
    ) -> Float64[np.ndarray, "m k"]:
        """Codes of all tokens of some images (ascending rows), image after image; of all concepts,
        or of those given. A column is contiguous."""
        ids = np.arange(self.n_concepts) if concepts is None else concepts
        column = np.full(self.n_concepts, -1)
        column[ids] = np.arange(len(ids))
        out = np.zeros((len(ids), len(images) * self.n_tokens))
        starts = np.cumsum([0, *self.sizes])
        for i in range(len(self.folders)):
            mine = np.flatnonzero((images >= starts[i]) & (images < starts[i + 1]))
            if mine.size == 0:
                continue
            piece = self.shard(i)
            place = np.full(self.sizes[i], -1)
            place[images[mine] - starts[i]] = mine
            row, at = place[piece["image"]], column[piece["concept"]]
            ours = (row >= 0) & (at >= 0)
            out[at[ours], row[ours] * self.n_tokens + piece["token"][ours]] = piece["value"][ours]
        return out.T

    def of_images(self) -> Callable[[int], Float[np.ndarray, "t k"]]:
        """Codes of one image (a row); the last one asked for is kept, and so is its shard, so that
        ascending rows read every shard once."""
        starts = np.cumsum([0, *self.sizes])

        @lru_cache(maxsize=1)
        def shard(i: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
            piece = self.shard(i)
            return piece, np.searchsorted(piece["image"], np.arange(self.sizes[i] + 1))

        @lru_cache(maxsize=1)
        def one(row: int) -> Float[np.ndarray, "t k"]:
            i = int(np.searchsorted(starts, row, side="right")) - 1
            piece, edges = shard(i)
            mine = slice(edges[row - starts[i]], edges[row - starts[i] + 1])
            out = np.zeros((self.n_tokens, self.n_concepts), dtype=np.float32)
            out[piece["token"][mine], piece["concept"][mine]] = piece["value"][mine]
            return out

        return one
