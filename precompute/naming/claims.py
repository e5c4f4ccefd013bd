"""Concepts with the labels they stand for: a bank's own, or random directions in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from core.naming.labels import same_words
from precompute.banks import Codes, ControlCodes


@dataclass(frozen=True)
class Claims:
    scores: Float[np.ndarray, "n k"]
    label_of: Integer[np.ndarray, " k"]
    """labelled_id that a concept is named for; -1: unnamed"""
    probes: bool
    """fitted to labels"""
    codes: Callable[[int], Float[np.ndarray, "t k"]]
    """of one image; the last one asked for is kept"""
    worded: bool = False
    """fitted to words: a score has no side, but a concept may be the word of a label"""
    sided: bool = True
    """of probes: a positive score says that the concept is there (a likeness does not)"""


def named_for(
    concept: pd.DataFrame, *, words: Sequence[str] = (), labels: Sequence[str] = ()
) -> Integer[np.ndarray, " k"]:
    """labelled_id behind each concept's name; -1: none. `concept`: rows of that table, in order.

    A concept that is a word (of `words`) stands for the label of the same words, if there is one.
    """
    if words:
        return same_words(words, labels)
    behind = concept["name_source"].isin(("label", "matched")) & concept["labelled_id"].notna()
    return np.where(behind, concept["labelled_id"].fillna(0).astype(np.int64), -1)


def stored_codes(codes: Codes) -> Callable[[int], Float[np.ndarray, "t k"]]:
    """Of the bank itself, as encoded. Ascending rows read every shard once."""
    starts = np.cumsum([0, *codes.sizes])

    @lru_cache(maxsize=1)
    def shard(i: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
        piece = codes.shard(i)
        return piece, np.searchsorted(piece["image"], np.arange(codes.sizes[i] + 1))

    @lru_cache(maxsize=1)
    def one(row: int) -> Float[np.ndarray, "t k"]:
        i = int(np.searchsorted(starts, row, side="right")) - 1
        piece, edges = shard(i)
        mine = slice(edges[row - starts[i]], edges[row - starts[i] + 1])
        out = np.zeros((codes.n_tokens, codes.n_concepts), dtype=np.float32)
        out[piece["token"][mine], piece["concept"][mine]] = piece["value"][mine]
        return out

    return one


def control_claims(claims: Claims, drawn: ControlCodes) -> Claims:
    """Random directions, each under the label of the concept that it stands in for."""
    return replace(claims, scores=drawn.scores.toarray(), codes=drawn.of_images())
