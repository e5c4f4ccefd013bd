"""How well scores separate two kinds of images, and maps find a part: many at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float64, Integer
from scipy.stats import rankdata

ROOM = 0.02
"""IoU between chance and the best map: less cannot tell a place"""


def auc(
    scores: Float[np.ndarray, "n k"], labels: Float[np.ndarray, "n l"]
) -> Float64[np.ndarray, "k l"]:
    """AUC of every score for every label (1, 0, NaN unknown); chance 0.5, ties count half.

    The Mann-Whitney identity: AUC = (R - p (p + 1) / 2) / (p q), R the rank sum of the p positives
    among p + q images. NaN where a label has one kind only.
    """
    out = np.full((scores.shape[1], labels.shape[1]), np.nan)
    known = ~np.isnan(labels)
    for pattern in np.unique(known, axis=1).T:
        columns = (known == pattern[:, None]).all(0)
        if not pattern.any():
            continue
        ranks = rankdata(scores[pattern], axis=0)
        positive = labels[np.ix_(pattern, columns)] == 1
        p = positive.sum(0)
        q = len(positive) - p
        with np.errstate(invalid="ignore", divide="ignore"):
            out[:, columns] = (ranks.T @ positive - p * (p + 1) / 2) / (p * q)
    out[:, ~((labels == 1).any(0) & (labels == 0).any(0))] = np.nan
    return out


def one_hot(classes: Integer[np.ndarray, " n"], n_classes: int) -> Float64[np.ndarray, "n y"]:
    return np.eye(n_classes)[classes]


@dataclass(frozen=True)
class Overlap:
    """Of maps with masks. NaN where the mask covers less than one token."""

    iou: Float64[np.ndarray, "k l"]
    """0..1"""
    chance: Float64[np.ndarray, "k l"]
    """0..1: expected of the same map with its tokens shuffled inside each image, so that knowing
    the image without the place earns nothing"""
    best: Float64[np.ndarray, "k l"]
    """0..1: of a map that has as many tokens in each image, on its most covered ones"""

    @property
    def place(self) -> Float64[np.ndarray, "k l"]:
        """0: chance, 1: the best; below 0: elsewhere. NaN also where the best is less than ROOM
        above chance, since a mask that fills its images says nothing about place."""
        room = self.best - self.chance
        told = room >= ROOM
        return np.divide(self.iou - self.chance, room, out=np.full_like(room, np.nan), where=told)


def area_matched_overlap(
    codes: Float[np.ndarray, "mt k"], covered: Float[np.ndarray, "mt l"], *, n_tokens: int
) -> Overlap:
    """IoU of a concept's strongest tokens with a mask, over all tokens of m images at once.

    `covered` is the share of each token's cell inside the mask, 0..1; `n_tokens` are an image's. As
    many tokens count as "on" as the mask covers in area, so no threshold is chosen per image
    (Network Dissection, Bau et al. 2017, arXiv 1704.05796, fixes a quantile instead; a fixed one
    favours large masks). Tokens without a positive code are never on.
    """
    areas = covered.sum(0, dtype=np.float64)
    wanted = np.flatnonzero(np.rint(areas) > 0)
    hit, expected, most, taken = np.full((4, codes.shape[1], covered.shape[1]), np.nan)
    by_image = covered.reshape(-1, n_tokens, covered.shape[1]).astype(np.float64)
    mean = by_image.mean(1)
    # of the n most covered tokens of an image, 0..n_tokens
    best = np.cumsum(-np.sort(-by_image, axis=1), axis=1)
    best = np.concatenate([np.zeros_like(best[:, :1]), best], axis=1)
    rows = np.arange(len(by_image))
    for k in range(codes.shape[1]):
        column = codes[:, k]
        on = np.flatnonzero(column > 0)
        on = on[np.argsort(-column[on], kind="stable")]
        for label in wanted:
            mine = on[: int(np.rint(areas[label]))]
            n = np.bincount(mine // n_tokens, minlength=len(by_image))
            taken[k, label] = len(mine)
            hit[k, label] = covered[mine, label].sum(dtype=np.float64)
            expected[k, label] = n @ mean[:, label]
            most[k, label] = best[rows, n, label].sum()
    iou, chance, most = (x / (taken + areas - x) for x in (hit, expected, most))
    return Overlap(iou, chance, most)
