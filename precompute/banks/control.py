"""The control of a bank: directions in its place for which nothing was learned, on every image.

`core.controls` says what each of the two choices holds and what it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property, lru_cache

import numpy as np
import torch
from jaxtyping import Float, Float64, Integer
from scipy.sparse import csc_array
from torch import Tensor

from core.controls import matched, plain
from core.controls.codes import Control, Dictionary, Rebuilds, best_gain
from core.kinds import ControlKind
from core.sampling import evenly
from core.types import ConceptBank, Rescales
from precompute.banks.encode import MAP, Codes, sparse
from precompute.banks.pooling import vectors
from precompute.intake import ActivationStore, Build, StoredTokens

SAMPLE = 20_000
"""train tokens that codes are matched on"""
_LISTED = 20_000_000
"""codes of the bank looked at, at most"""
_ENTRIES = 1_000_000
"""codes made at once"""


@dataclass(frozen=True)
class ControlCodes(Codes):
    """Codes of control directions, made when they are asked for; they have no `sums`."""

    _: KW_ONLY
    control: Control
    activations: ActivationStore
    dictionary: Rebuilds
    """the same directions, to rebuild tokens with"""
    of_cls: Control | None = None
    """the same directions with codes for CLS tokens, where the bank's scores are read there"""

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
        if self.control.affine and self.pool == "mean":  # of the mean token
            pooled = torch.from_numpy(self.activations.pooled())
            return csc_array(self.control.encode(pooled).double().numpy())
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
        some = self.control.part(ids)
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
            return self.control.encode(tokens).numpy()

        return one

    def _encoded(self, tokens: Float[np.ndarray, "n t d"]) -> Iterator[Float[Tensor, "m t k"]]:
        step = max(1, _ENTRIES // (self.n_tokens * self.n_concepts))
        for start in range(0, len(tokens), step):
            yield self.control.encode(torch.from_numpy(np.array(tokens[start : start + step])))


def draw_control(
    bank: ConceptBank, codes: Codes, build: Build, *, kind: ControlKind
) -> ControlCodes:
    """Directions of this kind in the bank's place, and what they say of every image: their scores
    are read from what the bank's are read from."""
    made = _matched if kind == "matched" else _plain
    control, of_cls, dictionary = made(bank, codes, build)
    return ControlCodes(
        codes.folders,
        codes.sizes,
        codes.n_tokens,
        codes.n_concepts,
        codes.pool,
        control=control,
        activations=build.activations,
        dictionary=dictionary,
        of_cls=of_cls,
    )


def turned(
    bank: ConceptBank, pooled: Float[np.ndarray, "n d"], *, seed: int
) -> Float[Tensor, "k d"]:
    """The bank's directions after a random rotation: about the origin where the bank has something
    to subtract, else about the mean of the `pooled` vectors, which then stays where it is."""
    fixed = None if _centred(bank) else torch.from_numpy(pooled).mean(0)
    return matched.rotated(bank.directions.float(), seed=seed, fixed=fixed)


def _centred(bank: ConceptBank) -> bool:
    return bank.signed or (bank.offset is not None and bool((bank.offset != 0).any()))


Drawn = tuple[Control, Control | None, Rebuilds]
"""of tokens, of CLS tokens where scores are read there, and to rebuild tokens with"""


def _matched(bank: ConceptBank, codes: Codes, build: Build) -> Drawn:
    read = vectors(build, codes.pool)[build.train]
    rows = turned(bank, build.pooled[build.train], seed=build.seed)
    most = min(SAMPLE, _LISTED / max(codes.l0, 1))
    images = build.train[evenly(len(build.train), max(1, int(most / codes.n_tokens)))]
    batches = StoredTokens(build.activations, images).batches(SAMPLE, seed=None)
    x = torch.cat(list(batches))
    scores = codes.scores[build.train].tocsc()
    scores.eliminate_zeros()
    concept = np.repeat(np.arange(len(rows)), np.diff(scores.indptr))
    of_images = matched.Codes(concept, scores.data)
    given = torch.from_numpy(read)
    of_cls = None
    if codes.pool == "cls":
        of_cls = matched.matched(rows, given, of_images, signed=bank.signed)
    if bank.signed and codes.pool == "mean":
        control = matched.matched(rows, given, of_images, signed=True)
    else:
        control = matched.matched(rows, x, _listed(codes, images), signed=bank.signed)
    centre, gain = torch.zeros(rows.shape[1]), 1.0
    if bank.offset is not None:
        if isinstance(bank, Rescales) or _centred(bank):
            centre = x.mean(0)
        gain = best_gain(x - centre, control.encode(x) @ rows)
    return control, of_cls, Dictionary(control, centre, gain, of_cls)


def _listed(codes: Codes, images: Integer[np.ndarray, " m"]) -> matched.Codes:
    """The bank's codes of these images (ascending rows) that are not 0."""
    starts = np.cumsum([0, *codes.sizes])
    concepts, values = [], []
    for i, size in enumerate(codes.sizes):
        local = images[(images >= starts[i]) & (images < starts[i + 1])] - starts[i]
        if not len(local):
            continue
        piece = codes.shard(i, ("image", "concept", "value"))
        wanted = np.zeros(size, dtype=bool)
        wanted[local] = True
        ours = wanted[piece["image"]]
        concepts.append(piece["concept"][ours])
        values.append(piece["value"][ours])
    concept, value = np.concatenate(concepts), np.concatenate(values)
    order = np.argsort(concept, kind="stable")
    return matched.Codes(concept[order].astype(np.int64), value[order])


def _plain(bank: ConceptBank, codes: Codes, build: Build) -> Drawn:
    rows = plain.random_like(bank.directions, seed=build.seed).float()
    cls = torch.from_numpy(vectors(build, codes.pool)[build.train])
    mean = torch.from_numpy(build.pooled[build.train]).mean(0)
    of_cls = None
    if bank.signed:
        control = plain.through(rows, mean)
        if codes.pool == "cls":
            of_cls = plain.through(rows, cls.mean(0))
    else:
        tokens = StoredTokens(build.activations, build.train).sample(SAMPLE, seed=build.seed)
        control = plain.beyond(rows, tokens, share=codes.l0 / len(rows))
        if codes.pool == "cls":
            on = codes.scores[build.train].count_nonzero() / len(cls)
            of_cls = plain.beyond(rows, cls, share=on / len(rows))
    centre = mean if _centred(bank) else torch.zeros(rows.shape[1])
    return control, of_cls, plain.LeastSquares(rows, centre, max(1, round(codes.l0)))
