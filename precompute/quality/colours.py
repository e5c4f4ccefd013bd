"""The colour that each concept's maps mark in its strongest images."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Integer

from core.naming.colours import Marked, colour_hints, marked
from core.naming.hints import STRONGEST
from precompute.banks import Codes
from precompute.intake import Build, cell_colours

_NUMBERS = 2**26
"""codes of the strongest images held at once; of 4 bytes they take 268 MB"""


def hints_by_colour(codes: Codes, build: Build) -> list[str]:
    """By concept, "" where its maps mark no colour beyond chance; see `core.naming.colours`."""
    files = cell_colours(build)
    colours = np.concatenate([np.load(file, mmap_mode="r") for file in files])
    size = max(1, _NUMBERS // (STRONGEST * codes.n_tokens))
    found: list[Marked | None] = []
    for start in range(0, codes.n_concepts, size):
        ids = np.arange(start, min(start + size, codes.n_concepts))
        strongest = _strongest(codes, ids)
        maps = _maps(codes, ids, strongest)
        for concept_id, images, mine in zip(ids.tolist(), strongest, maps, strict=True):
            here = images >= 0
            shown = colours[images[here]].astype(np.float32)
            found.append(marked(mine[here], shown, seed=build.seed + concept_id))
    return colour_hints(found)


def _strongest(codes: Codes, ids: Integer[np.ndarray, " k"]) -> Integer[np.ndarray, "k n"]:
    """Rows of the images with the highest positive scores; -1: there are no more."""
    out = np.full((len(ids), STRONGEST), -1)
    scores = codes.scores
    for j, concept_id in enumerate(ids):
        here = slice(scores.indptr[concept_id], scores.indptr[concept_id + 1])
        rows, values = scores.indices[here], scores.data[here]
        order = np.lexsort((rows, -values))[:STRONGEST]
        kept = order[values[order] > 0]
        out[j, : len(kept)] = rows[kept]
    return out


def _maps(
    codes: Codes, ids: Integer[np.ndarray, " k"], strongest: Integer[np.ndarray, "k n"]
) -> Float[np.ndarray, "k n t"]:
    """Positive codes of those images; every shard is read once."""
    out = np.zeros((*strongest.shape, codes.n_tokens), dtype=np.float32)
    starts = np.cumsum([0, *codes.sizes])
    for i, size in enumerate(codes.sizes):
        concept, place = np.nonzero((strongest >= starts[i]) & (strongest < starts[i + 1]))
        if not len(concept):
            continue
        rank = np.full((size, len(ids)), -1)
        rank[strongest[concept, place] - starts[i], concept] = place
        piece = codes.shard(i)
        mine = (piece["concept"] >= ids[0]) & (piece["concept"] <= ids[-1]) & (piece["value"] > 0)
        at = piece["concept"][mine].astype(np.int64) - ids[0]
        to = rank[piece["image"][mine], at]
        wanted = to >= 0
        out[at[wanted], to[wanted], piece["token"][mine][wanted]] = piece["value"][mine][wanted]
    return out
