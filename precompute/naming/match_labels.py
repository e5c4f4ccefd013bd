"""Concepts against labelled concepts: how well each score and map tells them, and its name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from einops import rearrange
from jaxtyping import Bool, Float, Integer

from core.kinds import NameSource
from core.metrics import association
from core.naming.labels import Match, doubts, given, match, same_words
from precompute.banks import Codes
from precompute.intake import Build


def label_scores(
    measured: list[dict[str, float]],
    codes: Codes,
    scores: Float[np.ndarray, "n k"],
    ids: Integer[np.ndarray, " k"],
    build: Build,
    frame: pd.DataFrame,
    *,
    words: tuple[str, ...] = (),
) -> pd.DataFrame:
    """label_score, and the naming columns of `frame`. `words`: of banks whose concepts are such."""
    facts = pd.DataFrame([measured[i] for i in ids]) if measured else pd.DataFrame()
    for name in ("train_accuracy", "test_accuracy", "train_auc", "test_auc", "base_rate"):
        frame[name] = facts.get(name, np.nan)
    if build.labels is None:
        return _unlabelled(frame, scores, worded=bool(words))
    train, test = build.labels.train, build.labels.test
    train_auc = association.auc(scores[build.train], train)
    test_auc = association.auc(scores[build.held_out], test)
    fitted = facts["label"].to_numpy(dtype=np.int64) if "label" in facts else None
    # what a concept is said to be: the label it was fitted to, or of its own words
    said = same_words([words[i] for i in ids], build.labels.names) if words else fitted
    place = _place(codes, ids, build.masks.images, build.masks.covered)
    if said is None:
        learnt = _place(codes, ids, build.masks_train.images, build.masks_train.covered)
        matched = match(train_auc, learnt.overlap.place)
        named = matched.named
    else:
        named = said >= 0
        matched = given(train_auc, np.where(named, said, match(train_auc).best))
    source = NameSource.MATCHED if fitted is None else NameSource.LABEL
    frame["name_source"] = NameSource.WORD if words else np.where(named, source, NameSource.UNNAMED)
    _name(frame, matched, test_auc, (~np.isnan(test)).sum(0), place)
    # of a name: on images that it was not chosen on
    against = doubts(_at(test_auc, matched.best), _at(place.overlap.place, matched.best))
    frame["doubt"] = np.where(named, against, matched.doubt)
    everywhere = np.concatenate([train, test])[:, matched.best]
    rows = np.concatenate([build.train, build.held_out])
    by_label = _medians(scores[rows], everywhere == 1, everywhere == 0)
    by_activity = _medians(scores, scores > 0)
    frame["present_q50"] = np.where(named, by_label[0], by_activity[0])
    frame["absent_q50"] = np.where(named, by_label[1], by_activity[1])
    return _table(ids, test_auc, test, place)


class _Place(NamedTuple):
    """Where maps lie, on images with masks; NaN where a label has none."""

    overlap: association.Overlap
    n: Integer[np.ndarray, " l"]
    """images that show the label's part"""


def _place(
    codes: Codes,
    ids: Integer[np.ndarray, " k"],
    images: Integer[np.ndarray, " m"],
    covered: Float[np.ndarray, "mt l"],
) -> _Place:
    maps, t = codes.dense_maps(images, ids), codes.n_tokens
    shown = rearrange(covered, "(m t) l -> m t l", t=t).any(1)
    return _Place(association.area_matched_overlap(maps, covered, n_tokens=t), shown.sum(0))


def _unlabelled(
    frame: pd.DataFrame, scores: Float[np.ndarray, "n k"], *, worded: bool
) -> pd.DataFrame:
    for name in (
        "name_auc",
        "name_iou",
        "name_iou_chance",
        "name_iou_best",
        "second_auc",
        "name_margin",
        "place_margin",
    ):
        frame[name] = np.nan
    frame["name_source"] = NameSource.WORD if worded else NameSource.UNNAMED
    frame["doubt"] = ""
    for name in ("labelled_id", "second_id", "name_n", "name_iou_n"):
        frame[name] = pd.array([None] * len(frame), dtype="UInt32")
    frame["present_q50"], frame["absent_q50"] = _medians(scores, scores > 0)
    columns = ("concept_id", "labelled_id", "auc", "n", "iou", "iou_chance", "iou_best", "iou_n")
    return pd.DataFrame({name: [] for name in columns})


def _name(
    frame: pd.DataFrame,
    matched: Match,
    test_auc: Float[np.ndarray, "k l"],
    n_test: Integer[np.ndarray, " l"],
    place: _Place,
) -> None:
    """The label behind each concept's name or nearest to it, and the runner-up."""
    best, second = matched.best, matched.second
    frame["labelled_id"] = _ids(best, best >= 0)
    frame["name_auc"] = _at(test_auc, best)
    frame["name_n"] = _ids(n_test[best], best >= 0)
    frame["name_iou"] = _at(place.overlap.iou, best)
    located = frame["name_iou"].notna().to_numpy()
    frame["name_iou_chance"] = _at(place.overlap.chance, best)
    frame["name_iou_best"] = _at(place.overlap.best, best)
    frame["name_iou_n"] = _ids(place.n[best], located)
    frame["second_id"] = _ids(second, second >= 0)
    frame["second_auc"] = _at(test_auc, second)
    frame["name_margin"], frame["place_margin"] = matched.margin, matched.place_margin


def _table(
    ids: Integer[np.ndarray, " k"],
    auc: Float[np.ndarray, "k l"],
    y: Float[np.ndarray, "m l"],
    place: _Place,
) -> pd.DataFrame:
    """Rows of label_score."""
    k, n_labels = auc.shape
    located = ~np.isnan(place.overlap.iou.ravel())
    table = pd.DataFrame(
        {
            "concept_id": np.repeat(ids, n_labels),
            "labelled_id": np.tile(np.arange(n_labels), k),
            "auc": auc.ravel(),
            "n": np.tile((~np.isnan(y)).sum(0), k),
            "iou": place.overlap.iou.ravel(),
            "iou_chance": place.overlap.chance.ravel(),
            "iou_best": place.overlap.best.ravel(),
            "iou_n": _ids(np.tile(place.n, k), located),
        }
    )
    return table.dropna(subset=["auc"])


def _at(
    values: Float[np.ndarray, "k l"], label: Integer[np.ndarray, " k"]
) -> Float[np.ndarray, " k"]:
    """Each concept's value for a label; NaN for -1."""
    return np.where(label >= 0, values[np.arange(len(label)), label], np.nan)


def _ids(values: Integer[np.ndarray, " k"], known: Bool[np.ndarray, " k"]) -> pd.Series:
    """Counts or ids, NULL where not known."""
    return pd.Series(np.where(known, values, 0), dtype="UInt32").where(pd.Series(known))


def _medians(
    scores: Float[np.ndarray, "n k"],
    present: np.ndarray,
    absent: np.ndarray | None = None,
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Median score where a concept is present, and where it is not; NaN without such an image."""
    absent = ~present if absent is None else absent
    out = np.full((2, scores.shape[1]), np.nan)
    for j in range(scores.shape[1]):
        for row, chosen in enumerate((present[:, j], absent[:, j])):
            if chosen.any():
                out[row, j] = np.median(scores[chosen, j])
    return out[0], out[1]
