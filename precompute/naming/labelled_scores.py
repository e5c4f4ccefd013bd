"""Concepts with the labels they stand for: a bank's own, or random directions in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from core.naming.labels import same_words
from precompute.banks import ControlCodes


@dataclass(frozen=True)
class LabelledScores:
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


def control_scores(own: LabelledScores, drawn: ControlCodes) -> LabelledScores:
    """Random directions, each under the label of the concept that it stands in for."""
    return replace(own, scores=drawn.scores.toarray(), codes=drawn.of_images())
