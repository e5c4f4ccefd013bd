"""Tokens of some images on disk, as a bank wants to read them: token by token or map by map."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from einops import repeat
from jaxtyping import Float, Integer
from torch import Tensor

from core.types import Grid
from precompute.intake import shards
from precompute.intake.activations import ActivationStore


@dataclass(frozen=True)
class StoredTokens:
    """A `TokenStream` over the images of some rows of an ActivationStore."""

    store: ActivationStore
    chosen: Integer[np.ndarray, " n"]
    """rows of `store.rows`, ascending"""
    n_cls: int = 0
    """how often each image's CLS token stands behind its patches; 0: patches alone"""

    @cached_property
    def _by_shard(self) -> list[Integer[np.ndarray, " m"]]:
        return _by_shard(self.store, self.chosen)

    @cached_property
    def _shape(self) -> tuple[int, int]:
        _, t, d = self.store.tokens(0).shape
        return t, d

    @property
    def n_tokens(self) -> int:
        return len(self.chosen) * (self._shape[0] + self.n_cls)

    @property
    def width(self) -> int:
        return self._shape[1]

    def _load(self, shard: int) -> Float[Tensor, "m d"]:
        rows = self._by_shard[shard]
        local = torch.from_numpy(self.store.tokens(shard)[rows])
        if self.n_cls:
            cls = torch.from_numpy(self.store.cls_of(shard)[rows])
            local = torch.cat([local, repeat(cls, "n d -> n r d", r=self.n_cls)], dim=1)
        return local.reshape(-1, self.width)

    def batches(self, size: int, *, seed: int | None) -> Iterator[Float[Tensor, "b d"]]:
        """Shuffled within and across pairs of shards: at most two are in memory."""
        order = [s for s in range(len(self._by_shard)) if len(self._by_shard[s])]
        generator = torch.Generator().manual_seed(0 if seed is None else seed)
        if seed is not None:
            order = [order[i] for i in torch.randperm(len(order), generator=generator).tolist()]
        left = torch.empty(0, self.width)
        for i, shard in enumerate(order):
            buffer = torch.cat([left, self._load(shard)])
            if seed is not None:
                buffer = buffer[torch.randperm(len(buffer), generator=generator)]
            # half a shard stays behind and mixes with the next one
            keep = 0 if i == len(order) - 1 else len(buffer) // 3 if seed is not None else 0
            whole = (len(buffer) - keep) // size * size
            if i == len(order) - 1:
                whole = len(buffer)
            if whole:  # splitting nothing would yield one empty batch
                yield from buffer[:whole].split(size)
            left = buffer[whole:]

    def sample(self, n: int, *, seed: int) -> Float[Tensor, "n d"]:
        rng = np.random.default_rng(seed)
        t = self._shape[0] + self.n_cls
        picked = rng.choice(self.n_tokens, min(n, self.n_tokens), replace=False)
        picked.sort()
        edges = np.cumsum([0, *(len(rows) * t for rows in self._by_shard)])
        parts = []
        for shard, rows in enumerate(self._by_shard):
            mine = picked[(picked >= edges[shard]) & (picked < edges[shard + 1])] - edges[shard]
            if len(mine):
                image, place = rows[mine // t], mine % t
                patch = place < self._shape[0]
                out = self.store.tokens(shard)[image, np.where(patch, place, 0)]
                if not patch.all():
                    out[~patch] = self.store.cls_of(shard)[image[~patch]]
                parts.append(out)
        return torch.from_numpy(np.concatenate(parts))


@dataclass(frozen=True)
class StoredImages:
    """An `ImageStream` over the images of some rows of an ActivationStore."""

    store: ActivationStore
    chosen: Integer[np.ndarray, " n"]
    """rows of `store.rows`, ascending"""

    @property
    def grid(self) -> Grid:
        return Grid(*self.store.facts["grid"])

    @property
    def n_images(self) -> int:
        return len(self.chosen)

    def batches(
        self, size: int, *, seed: int | None
    ) -> Iterator[tuple[Integer[Tensor, " b"], Float[Tensor, "b t d"]]]:
        """Shards in random order, images shuffled within each: one shard is in memory."""
        local = _by_shard(self.store, self.chosen)
        first = np.concatenate([[0], np.cumsum([len(rows) for rows in local])])
        order = [s for s in range(len(local)) if len(local[s])]
        generator = torch.Generator().manual_seed(0 if seed is None else seed)
        if seed is not None:
            order = [order[i] for i in torch.randperm(len(order), generator=generator).tolist()]
        for shard in order:
            tokens = torch.from_numpy(self.store.tokens(shard)[local[shard]])
            rows = torch.arange(len(tokens)) + int(first[shard])
            if seed is not None:
                shuffled = torch.randperm(len(tokens), generator=generator)
                tokens, rows = tokens[shuffled], rows[shuffled]
            yield from zip(rows.split(size), tokens.split(size), strict=True)


def _by_shard(
    store: ActivationStore, chosen: Integer[np.ndarray, " n"]
) -> list[Integer[np.ndarray, " m"]]:
    """Local image rows of every shard."""
    sizes = [shards.facts_of(f)["n"] for f in store.folders]
    edges = np.concatenate([[0], np.cumsum(sizes)])
    return [chosen[(chosen >= a) & (chosen < b)] - a for a, b in pairwise(edges)]
