"""Maps against masks, and scores against labels: what concerns concepts whatever reads them."""

from __future__ import annotations

import numpy as np
from einops import rearrange
from jaxtyping import Float

from core.measure import Measure, mean_of
from core.metrics.mask_overlap import localisation
from precompute.banks import LabelledScores
from precompute.intake import Build
from precompute.quality.rows import MetricRow

_CHANCES = {
    "precision": "area",
    "energy": "area",
    "pointing": "area",
    "iou": "iou_chance",
    "dice": "dice_chance",
}


def in_masks(concepts: LabelledScores, build: Build) -> list[MetricRow]:
    """Per concept, the mean over masked images that show it; per bank, the mean over concepts."""
    n, k = len(build.masks.images), concepts.scores.shape[1]
    if not n:
        return []
    covered = rearrange(build.masks.covered, "(m t) l -> m t l", m=n)
    found = {name: np.full((n, k), np.nan) for name in {*_CHANCES, *_CHANCES.values()}}
    labelled = np.flatnonzero(concepts.label_of >= 0)
    for i, row in enumerate(build.masks.images):
        masks = covered[i][:, concepts.label_of[labelled]]
        shown = masks.any(0)
        if not shown.any():
            continue
        maps = concepts.codes(int(row))[:, labelled[shown]]
        judged = localisation(maps.T, masks[:, shown].T)
        for name, values in found.items():
            values[i, labelled[shown]] = getattr(judged, name)
    out = []
    for name, chance in _CHANCES.items():
        each = [mean_of(found[name][:, j], found[chance][:, j]) for j in range(k)]
        out += [
            MetricRow("concept", name, measure, build.held_out_splits, concept_id=j)
            for j, measure in enumerate(each)
        ]
        mean = mean_of(np.array([m.value for m in each]), np.array([m.chance for m in each]))
        out.append(MetricRow("bank", name, mean, build.held_out_splits))
    return out


def right_side(concepts: LabelledScores, build: Build) -> list[MetricRow]:
    """How often scores are on the side of their separator that the labels say, by split.

    Of concepts fitted to labels the separator is 0, unless their scores are likenesses. Of those,
    and of words that are the words of a label, it is the value that tells the train images best;
    other words are left out.
    """
    judged = np.flatnonzero(concepts.label_of >= 0)
    if build.presence is None or not len(judged) or not (concepts.probes or concepts.worded):
        return []
    scores, label_of = concepts.scores[:, judged], concepts.label_of[judged]
    train = build.train
    separator = np.zeros(len(judged))
    if concepts.worded or not concepts.sided:
        separator = best_separator(scores[train], build.presence[train][:, label_of])
    out = []
    for split in dict.fromkeys(build.split):
        rows = build.split == split
        truth = build.presence[rows][:, label_of]
        right = (scores[rows] > separator) == (truth == 1)
        out.append(MetricRow("bank", "concept_accuracy", _pairs(right, truth), split))
        known = ~np.isnan(truth).any(1)
        n = int(known.sum())
        if n:
            _, counts = np.unique(truth[known], axis=0, return_counts=True)
            every = Measure(float(right[known].all(1).mean()), float(counts.max() / n), n)
            out.append(MetricRow("bank", "overall_concept_accuracy", every, split))
    return out


def best_separator(
    scores: Float[np.ndarray, "n k"], labels: Float[np.ndarray, "n k"]
) -> Float[np.ndarray, " k"]:
    """Of each column the value, half-way between two scores, above which most labels are 1.

    Beyond either end where calling all or none present is best; NaN labels do not count.
    """
    out = np.zeros(scores.shape[1])
    for j, (column, label) in enumerate(zip(scores.T, labels.T, strict=True)):
        known = ~np.isnan(label)
        if not known.any():
            continue
        order = np.argsort(column[known], kind="stable")
        s, y = column[known][order].astype(np.float64), label[known][order] == 1
        # right with the separator below the i-th score: absent before it, present from it on
        right = np.concatenate([[0], np.cumsum(~y)]) + np.concatenate(
            [np.cumsum(y[::-1])[::-1], [0]]
        )
        edges = np.concatenate([[s[0] - 1], (s[1:] + s[:-1]) / 2, [s[-1] + 1]])
        # equal scores cannot be told apart
        open_ = np.concatenate([[True], s[1:] > s[:-1], [True]])
        out[j] = edges[np.where(open_, right, -1).argmax()]
    return out


def _pairs(right: np.ndarray, truth: Float[np.ndarray, "n k"]) -> Measure:
    known = ~np.isnan(truth)
    n = int(known.sum())
    if not n:
        return Measure(float("nan"), float("nan"), 0)
    present = (truth == 1).sum(0)
    commoner = np.maximum(present, known.sum(0) - present)
    return Measure(float(right[known].mean()), float(commoner.sum() / n), n)
