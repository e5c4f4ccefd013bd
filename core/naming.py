"""Names for concepts that were discovered, from concepts that were labelled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Integer

MIN_AUC = 0.75
MIN_MARGIN = 0.02


@dataclass(frozen=True)
class Match:
    """Per concept; -1 and NaN where there is no candidate at all."""

    best: Integer[np.ndarray, " k"]
    second: Integer[np.ndarray, " k"]
    named: Bool[np.ndarray, " k"]


def match(
    train_auc: Float[np.ndarray, "k l"],
    *,
    min_auc: float = MIN_AUC,
    min_margin: float = MIN_MARGIN,
) -> Match:
    """The labelled concept that each score separates best on train images, and the runner-up.

    A concept takes the name when its AUC reaches `min_auc` (chance 0.5) and leads the runner-up by
    `min_margin`; otherwise it stays unnamed. What is shown beside the name must be measured on
    other images, because the best of many is chosen here.
    """
    n_concepts, n_labels = train_auc.shape
    values = np.where(np.isnan(train_auc), -np.inf, train_auc)
    if n_labels == 0:
        nothing = np.full(n_concepts, -1)
        return Match(nothing, nothing.copy(), np.zeros(n_concepts, dtype=bool))
    order = np.argsort(-values, axis=1, kind="stable")
    best = order[:, 0]
    top = values[np.arange(n_concepts), best]
    second = order[:, 1] if n_labels > 1 else np.full(n_concepts, -1)
    runner_up = values[np.arange(n_concepts), second] if n_labels > 1 else np.full(n_concepts, 0.5)
    named = (top >= min_auc) & (top >= runner_up + min_margin)
    best = np.where(np.isfinite(top), best, -1)
    second = np.where(np.isfinite(runner_up), second, -1)
    return Match(best, second, named)


def same_words(names: Sequence[str], labels: Sequence[str]) -> Integer[np.ndarray, " k"]:
    """Of each name the one label that says the same; -1: none, or several.

    A label "group: value" is said by the words of its value, with or without some of its group's:
    "red beak" and "Beak, red" say "beak colour: red". Case, order and punctuation do not count.
    """
    known = [(_words(label), _words(label.rpartition(":")[2])) for label in labels]
    out = np.full(len(names), -1, dtype=np.int64)
    for i, name in enumerate(names):
        own = _words(name)
        found = [j for j, (whole, value) in enumerate(known) if own and value <= own <= whole]
        exact = [j for j in found if known[j][0] == own]
        if len(exact or found) == 1:
            out[i] = (exact or found)[0]
    return out


def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def agreement(labels: Sequence[str], words: Sequence[str]) -> tuple[float, float]:
    """Share of pairs whose word says what the label says, and that of randomly paired ones.

    It does when all of its parts are among the label's: "red beak" and "beak colour: red". Case
    and punctuation do not count; synonyms are not known, so this is a lower bound. NaN, NaN
    without pairs.
    """
    if not labels:
        return float("nan"), float("nan")
    said = [_parts(label) for label in labels]
    called = [_parts(word) for word in words]
    own = sum(_agree(w, s) for w, s in zip(called, said, strict=True))
    # each label beside every word: the mean over all ways to deal the words out
    n_said, n_called = Counter(said), Counter(called)
    luck = sum(n * m for s, n in n_said.items() for w, m in n_called.items() if _agree(w, s))
    return own / len(said), luck / len(said) ** 2


def _agree(word: frozenset[str], label: frozenset[str]) -> bool:
    return bool(word) and word <= label


def _parts(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold().replace("_", " ")))
