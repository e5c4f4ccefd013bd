"""Concepts against labelled concepts: how well each score and map tells them, and its name."""

from __future__ import annotations

import numpy as np
import pandas as pd
from jaxtyping import Float, Integer

from core.metrics import association
from core.naming import match, same_words
from precompute.encode import Codes
from precompute.scene import Scene


def judge(
    measured: list[dict[str, float]],
    codes: Codes,
    scores: Float[np.ndarray, "n k"],
    ids: Integer[np.ndarray, " k"],
    scene: Scene,
    frame: pd.DataFrame,
    *,
    words: tuple[str, ...] = (),
) -> pd.DataFrame:
    """label_score, and the naming columns of `frame`. `words`: of banks whose concepts are such."""
    facts = pd.DataFrame([measured[i] for i in ids]) if measured else pd.DataFrame()
    for name in ("train_accuracy", "test_accuracy", "train_auc", "test_auc", "base_rate"):
        frame[name] = facts.get(name, np.nan)
    if scene.labels is None:
        for name in ("name_auc", "name_iou", "second_auc", "absent_q50"):
            frame[name] = np.nan
        frame["name_source"] = "word" if words else "unnamed"
        for name in ("labelled_id", "second_id", "name_n"):
            frame[name] = pd.array([None] * len(ids), dtype="UInt32")
        frame["present_q50"], frame["absent_q50"] = _medians(scores, scores > 0)
        return pd.DataFrame({name: [] for name in ("concept_id", "labelled_id", "auc", "n", "iou")})
    train, test = scene.labels.train, scene.labels.test
    train_auc = association.auc(scores[scene.train], train)
    test_auc = association.auc(scores[scene.held_out], test)
    n_test = (~np.isnan(test)).sum(0)
    iou = np.full(test_auc.shape, np.nan)
    if scene.masked.size:
        maps = codes.dense_maps(scene.masked)[:, ids]
        iou = association.area_matched_iou(maps, scene.covered)
    found = match(train_auc)
    fitted = facts["label"].to_numpy(dtype=np.int64) if "label" in facts else None
    best = found.best if fitted is None else fitted
    named = found.named if fitted is None else np.ones(len(ids), dtype=bool)
    if words:
        # what a concept is said to be: the label of the same words; otherwise only the nearest one
        said = same_words([words[i] for i in ids], scene.labels.names)
        best, named = np.where(said >= 0, said, best), said >= 0
    # the runner-up of a probe is the label, other than its own, that it separates best
    if fitted is None:
        second = found.second
    else:
        others = train_auc.copy()
        others[np.arange(len(ids)), fitted] = -np.inf
        second = match(others).best
    at = np.arange(len(ids))
    source = "label" if fitted is not None else "matched"
    frame["name_source"] = "word" if words else np.where(named, source, "unnamed")
    frame["labelled_id"] = pd.array(np.where(best >= 0, best, 0), dtype="UInt32")
    frame["name_auc"] = np.where(best >= 0, test_auc[at, best], np.nan)
    frame["name_iou"] = np.where(best >= 0, iou[at, best], np.nan)
    frame["name_n"] = pd.array(n_test[best], dtype="UInt32")
    frame.loc[best < 0, ["labelled_id", "name_n"]] = pd.NA
    frame["second_id"] = pd.array(np.where(second >= 0, second, 0), dtype="UInt32")
    frame.loc[second < 0, "second_id"] = pd.NA
    frame["second_auc"] = np.where(second >= 0, test_auc[at, second], np.nan)
    everywhere = np.concatenate([train, test])[:, best]
    rows = np.concatenate([scene.train, scene.held_out])
    by_label = _medians(scores[rows], everywhere == 1, everywhere == 0)
    by_activity = _medians(scores, scores > 0)
    frame["present_q50"] = np.where(named, by_label[0], by_activity[0])
    frame["absent_q50"] = np.where(named, by_label[1], by_activity[1])
    k, n_labels = test_auc.shape
    table = pd.DataFrame(
        {
            "concept_id": np.repeat(ids, n_labels),
            "labelled_id": np.tile(np.arange(n_labels), k),
            "auc": test_auc.ravel(),
            "n": np.tile(n_test, k),
            "iou": iou.ravel(),
        }
    )
    return table.dropna(subset=["auc"])


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
