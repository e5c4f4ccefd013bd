"""The control of a bank: random directions in its place, as many, coded as sparsely."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float64
from scipy.sparse import csc_array
from torch import Tensor

from core.metrics import dictionary
from core.types import ConceptBank
from precompute.banks.encode import MAP, Codes, sparse
from precompute.banks.pooling import vectors
from precompute.intake import ActivationStore, Build, StoredTokens

SAMPLE = 5_000
"""train tokens that the thresholds are set on"""
_ENTRIES = 1_000_000
"""codes made at once"""


@dataclass(frozen=True)
class Directions:
    """Random unit rows; non-negative where the bank's are."""

    rows: Float[Tensor, "k d"]
    threshold: Float[Tensor, " k"]
    """in units of activation, along each row"""
    signed: bool

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """How far each token lies beyond each threshold; 0 short of it unless signed."""
        along = torch.nn.functional.linear(x, self.rows, -self.threshold)
        return along if self.signed else along.relu_()


@dataclass(frozen=True)
class ControlCodes(Codes):
    """Codes of random directions, made when they are asked for; they have no `sums`."""

    _: KW_ONLY
    directions: Directions
    activations: ActivationStore
    of_cls: Directions | None = None
    """the same directions with thresholds for CLS tokens, where the bank's scores are read there"""

    def shard(self, i: int, names: Sequence[str] = MAP) -> dict[str, np.ndarray]:
        dense = torch.cat(list(self._encoded(self.activations.tokens(i))))
        maps = dense.transpose(1, 2).contiguous().numpy()
        own = None
        if self.of_cls is not None:
            own = self.of_cls.encode(torch.from_numpy(self.activations.cls_of(i))).numpy()
        made = sparse(maps, first=0, pool=self.pool, own=own)
        return {name: made[name] for name in names}

    @cached_property
    def scores(self) -> csc_array:
        """n x k, read from what the bank's own are read from."""
        if self.of_cls is not None:
            cls = self.activations.cls()
            assert cls is not None, "the bank's scores are read there"
            return csc_array(self.of_cls.encode(torch.from_numpy(cls)).double().numpy())
        if self.directions.signed and self.pool == "mean":  # affine: of the mean token
            pooled = torch.from_numpy(self.activations.pooled())
            return csc_array(self.directions.encode(pooled).double().numpy())
        found = [
            codes.amax(1) if self.pool == "max" else codes.mean(1)
            for i in range(len(self.folders))
            for codes in self._encoded(self.activations.tokens(i))
        ]
        return csc_array(torch.cat(found).double().numpy())

    def dense_maps(
        self, images: np.ndarray, concepts: np.ndarray | None = None
    ) -> Float64[np.ndarray, "m k"]:
        ids = np.arange(self.n_concepts) if concepts is None else concepts
        all_ = self.directions
        some = replace(all_, rows=all_.rows[ids], threshold=all_.threshold[ids])
        tokens = StoredTokens(self.activations, images).batches(64 * self.n_tokens, seed=None)
        maps = [torch.zeros(0, len(ids)), *(some.encode(x) for x in tokens)]
        return torch.cat(maps).double().numpy()

    def of_images(self) -> Callable[[int], Float[np.ndarray, "t k"]]:
        """Codes of one image (a row); the last one asked for is kept."""
        starts = np.cumsum([0, *self.sizes])
        shards = [self.activations.tokens(i) for i in range(len(self.sizes))]  # mapped, not read

        @lru_cache(maxsize=1)
        def one(row: int) -> Float[np.ndarray, "t k"]:
            i = int(np.searchsorted(starts, row, side="right")) - 1
            tokens = torch.from_numpy(np.array(shards[i][row - starts[i]]))
            return self.directions.encode(tokens).numpy()

        return one

    def _encoded(self, tokens: Float[np.ndarray, "n t d"]) -> Iterator[Float[Tensor, "m t k"]]:
        step = max(1, _ENTRIES // (self.n_tokens * self.n_concepts))
        for start in range(0, len(tokens), step):
            yield self.directions.encode(torch.from_numpy(np.array(tokens[start : start + step])))


def draw_control(bank: ConceptBank, codes: Codes, build: Build) -> ControlCodes:
    """Random directions, as many as the bank has, and what they say of every image: their scores
    are read from what the bank's are read from.

    Signed codes are signed distances to separators through the mean train token. Others are
    non-negative: each direction is on for the tokens furthest along it, as large a share of them
    as the bank's codes are on for, so that a token has as many non-zero codes on average. The same
    of CLS tokens, where the bank's scores are read there.
    """
    rows = dictionary.random_like(bank.directions, seed=build.seed).float()
    cls = None
    if codes.pool == "cls":
        cls = torch.from_numpy(vectors(build, codes.pool)[build.train])
    if bank.signed:
        pooled = torch.from_numpy(build.pooled[build.train])
        threshold = rows @ pooled.mean(0)
        of_cls = None if cls is None else rows @ cls.mean(0)
    else:
        tokens = StoredTokens(build.activations, build.train).sample(SAMPLE, seed=build.seed)
        threshold = _exceeded(tokens @ rows.T, share=codes.l0 / len(rows))
        of_cls = None
        if cls is not None:
            on = codes.scores[build.train].count_nonzero() / len(cls)
            of_cls = _exceeded(cls @ rows.T, share=on / len(rows))
    return ControlCodes(
        codes.folders,
        codes.sizes,
        codes.n_tokens,
        codes.n_concepts,
        codes.pool,
        directions=Directions(rows, threshold, bank.signed),
        activations=build.activations,
        of_cls=None if of_cls is None else Directions(rows, of_cls, bank.signed),
    )


def _exceeded(along: Float[Tensor, "n k"], *, share: float) -> Float[Tensor, " k"]:
    """Of each column the value that this share of it exceeds; at least one value does."""
    n = len(along)
    above = min(max(1, round(share * n)), n - 1)
    return torch.from_numpy(np.partition(along.numpy(), n - 1 - above, axis=0)[n - 1 - above])
