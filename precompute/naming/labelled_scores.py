"""Concepts with the labels they stand for: a bank's own, or its control's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from jaxtyping import Integer

from core.kinds import LABELLED, NameSource
from core.naming.labels import same_words
from core.types import ConceptBank, words_of
from precompute.banks import Codes, ControlCodes, LabelledScores


def named_for(
    concept: pd.DataFrame, *, words: Sequence[str] = (), labels: Sequence[str] = ()
) -> Integer[np.ndarray, " k"]:
    """labelled_id behind each concept's name; -1: none. `concept`: rows of that table, in order.

    A concept that is a word (of `words`) stands for the label of the same words, if there is one.
    """
    if words:
        return same_words(words, labels)
    behind = concept["name_source"].isin(LABELLED) & concept["labelled_id"].notna()
    return np.where(behind, concept["labelled_id"].fillna(0).astype(np.int64), -1)


def label_concepts(
    concept: pd.DataFrame, codes: Codes, bank: ConceptBank, *, labels: Sequence[str]
) -> LabelledScores:
    """A bank's concepts with the labels that the rows of `concept` name them for."""
    return LabelledScores(
        codes.scores.toarray(),
        named_for(concept, words=words_of(bank), labels=labels),
        probes=bool((concept["name_source"] == NameSource.LABEL).all()),
        codes=codes.of_images(),
        worded=bool((concept["name_source"] == NameSource.WORD).all()),
        # a bank fitted to labels says how often its sign is right, where its sign says anything
        sided=bool(concept["train_accuracy"].notna().all()),
    )


def control_scores(
    own: LabelledScores,
    drawn: ControlCodes,
    label_of: Integer[np.ndarray, " k"] | None = None,
) -> LabelledScores:
    """The control's, under labels of its own or, `label_of` None, each under that of the concept
    that it stands in for. Where the bank's separators were fitted, theirs are the values that tell
    the train images best."""
    labels = own.label_of if label_of is None else label_of
    scores = drawn.scores.toarray()
    return replace(own, scores=scores, label_of=labels, codes=drawn.of_images(), sided=False)
