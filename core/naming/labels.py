"""Names for concepts that were discovered, from concepts that were labelled."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Integer

MIN_AUC = 0.75
MIN_MARGIN = 0.02
MIN_OVERLAP = 0.04
"""Place that a map needs in its label's masks, and by which it must lead another label where AUCs
do not tell them apart: a share of the way from chance to the best IoU. Network Dissection (Bau et
al. 2017, arXiv 1704.05796) asks for an IoU of 0.04; here beyond tokens shuffled inside each image,
or else large masks would pass by their size and maps that know the image by that."""
LOW, CLOSE, ELSEWHERE = "low AUC", "small lead", "out of place"
"""what may be wrong with a label as a name"""


@dataclass(frozen=True)
class Match:
    """Per concept; -1 and NaN where there is no candidate at all."""

    best: Integer[np.ndarray, " k"]
    second: Integer[np.ndarray, " k"]
    """the other label of the highest AUC"""
    margin: Float[np.ndarray, " k"]
    """AUC of `best` minus that of `second`; of chance where there is none"""
    place_margin: Float[np.ndarray, " k"]
    """place by which `best` leads the labels of about its AUC; NaN: it did not decide"""
    named: Bool[np.ndarray, " k"]
    doubt: tuple[str, ...]
    """as `doubts`; "" where named, and without a candidate"""


def match(
    train_auc: Float[np.ndarray, "k l"],
    overlap: Float[np.ndarray, "k l"] | None = None,
    *,
    min_auc: float = MIN_AUC,
    min_margin: float = MIN_MARGIN,
    min_overlap: float = MIN_OVERLAP,
) -> Match:
    """The labelled concept that each score finds best on train images, in its place, if any.

    `overlap` is the place of each map in each label's masks (`core.metrics.association.Overlap`; 1
    at most, NaN unknown), on train images too. The label of the highest AUC becomes the name when
    that reaches `min_auc` (chance 0.5) and leads all others by `min_margin`. Among labels nearer to
    each other than that place decides: the name is the one of the largest overlap, if it leads
    theirs by `min_overlap`.
    A name whose own overlap is below `min_overlap` is none. What is shown beside it must be
    measured on other images, because the best of many is chosen here.
    """
    n_concepts, n_labels = train_auc.shape
    if n_labels == 0:
        nothing, none = np.full(n_concepts, -1), np.full(n_concepts, np.nan)
        unsaid = ("",) * n_concepts
        return Match(nothing, nothing, none, none, np.zeros(n_concepts, dtype=bool), unsaid)
    at = np.arange(n_concepts)
    place = np.full(train_auc.shape, np.nan) if overlap is None else overlap
    values = np.where(np.isnan(train_auc), -np.inf, train_auc)
    top = values.max(1)
    near = ~(top[:, None] >= values + min_margin)
    known = ~(near & np.isnan(place)).any(1)
    inside = np.where(near & ~np.isnan(place), place, -np.inf)
    winner = inside.argmax(1)
    rival = np.where(np.arange(n_labels) == winner[:, None], -np.inf, inside).max(1)
    tied = near.sum(1) > 1
    lead = np.full(n_concepts, np.nan)
    judged = tied & known
    lead[judged] = inside[at, winner][judged] - rival[judged]
    by_place = (lead >= min_overlap) & (inside[at, winner] >= min_overlap)
    by_place &= values[at, winner] >= min_auc
    best = np.where(by_place, winner, values.argmax(1))
    found = given(train_auc, np.where(np.isfinite(top), best, -1))
    said = doubts(
        train_auc[at, best],
        place[at, best],
        clear=by_place | ~tied,
        min_auc=min_auc,
        min_overlap=min_overlap,
    )
    said = tuple(d if f >= 0 else "" for d, f in zip(said, found.best, strict=True))
    named = np.array([not d for d in said], dtype=bool) & (found.best >= 0)
    return replace(found, place_margin=np.where(by_place, lead, np.nan), named=named, doubt=said)


def given(train_auc: Float[np.ndarray, "k l"], best: Integer[np.ndarray, " k"]) -> Match:
    """As `match` for labels that are names already (-1: none), whatever their AUC: no doubts."""
    n_concepts, n_labels = train_auc.shape
    at = np.arange(n_concepts)
    values = np.where(np.isnan(train_auc), -np.inf, train_auc)
    others = np.where(np.arange(n_labels) == best[:, None], -np.inf, values)
    second = others.argmax(1)
    runner_up = others[at, second]
    second = np.where(np.isfinite(runner_up) & (best >= 0), second, -1)
    own = np.where(best >= 0, train_auc[at, best], np.nan)
    margin = own - np.where(second >= 0, runner_up, 0.5)
    nothing = np.full(n_concepts, np.nan)
    return Match(best, second, margin, nothing, best >= 0, ("",) * n_concepts)


def doubts(
    auc: Float[np.ndarray, " k"],
    overlap: Float[np.ndarray, " k"],
    *,
    clear: Bool[np.ndarray, " k"] | None = None,
    min_auc: float = MIN_AUC,
    min_overlap: float = MIN_OVERLAP,
) -> tuple[str, ...]:
    """What speaks against each label as a name: LOW, CLOSE and ELSEWHERE, joined by ", "; or "".

    An AUC or overlap that is NaN speaks against nothing; `clear`: no other label comes as near.
    """
    close = np.zeros(len(auc), dtype=bool) if clear is None else ~clear
    against = {LOW: auc < min_auc, CLOSE: close, ELSEWHERE: overlap < min_overlap}
    return tuple(", ".join(d for d, yes in against.items() if yes[i]) for i in range(len(auc)))


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
