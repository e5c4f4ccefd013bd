"""Concepts with the labels they stand for: a bank's own, or random directions in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from jaxtyping import Float, Integer

from core.concepts import cav
from core.naming import same_words
from core.types import ConceptBank
from precompute.activations import ActivationStore
from precompute.encode import Codes
from precompute.ground import Ground


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


def stored(codes: Codes) -> Callable[[int], Float[np.ndarray, "t k"]]:
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


def encoded(
    bank: ConceptBank, activations: ActivationStore
) -> Callable[[int], Float[np.ndarray, "t k"]]:
    """Of a bank that is stored nowhere."""
    shards = [activations.tokens(i) for i in range(len(activations.folders))]  # mapped, not read
    starts = np.cumsum([0, *map(len, shards)])

    @lru_cache(maxsize=1)
    def one(row: int) -> Float[np.ndarray, "t k"]:
        i = int(np.searchsorted(starts, row, side="right")) - 1
        tokens = np.array(shards[i][row - starts[i]])
        with torch.inference_mode():
            return bank.encode(torch.from_numpy(tokens)).numpy()

    return one


def control(
    claims: Claims, activations: ActivationStore, ground: Ground, *, pool: str = "mean"
) -> Claims:
    """As many random separators through the mean activation, each under its concept's label.

    `pool`, "mean" or "max", is how the bank's own codes become scores, and so theirs.
    """
    pooled = activations.pooled()
    k, d = claims.scores.shape[1], pooled.shape[1]
    generator = torch.Generator().manual_seed(ground.scene.seed)
    rows = torch.randn(k, d, generator=generator)
    directions = rows / rows.norm(dim=1, keepdim=True)
    mean = torch.from_numpy(pooled[ground.scene.train].mean(0))
    bank = cav.Bank(directions, -(directions @ mean))
    scores = pooled.astype(np.float64) @ directions.numpy().T.astype(np.float64)
    scores = scores + bank.bias.numpy()
    if pool == "max":
        shards = (activations.tokens(i) for i in range(len(activations.folders)))
        found = [bank.encode(torch.from_numpy(np.array(x))).amax(1).double() for x in shards]
        scores = torch.cat(found).numpy()
    return Claims(
        scores,
        claims.label_of,
        claims.probes,
        encoded(bank, activations),
        claims.worded,
        claims.sided,
    )
