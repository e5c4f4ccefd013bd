"""How well scores separate two kinds of images, and maps find a part: many at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float64, Integer
from scipy.stats import rankdata

FILLS = 0.95
"""of what the best map would hit, shuffled tokens hit as much: such masks tell no place"""
_Z = 2.326
"""of the one-sided 1 %"""


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
    """0..1: what 99 of 100 maps stay below that are this one with its tokens shuffled inside each
    image, so that knowing the image without the place earns nothing, nor does luck"""
    best: Float64[np.ndarray, "k l"]
    """0..1: of a map that has as many tokens in each image, on its most covered ones"""
    told: Bool[np.ndarray, "k l"]
    """False where the mask so fills its images (FILLS) that no place could be told"""

    @property
    def place(self) -> Float64[np.ndarray, "k l"]:
        """0: chance, 1: the best, below 0: elsewhere; 0 at most where the best is no more than
        chance. NaN where nothing is told."""
        room = self.best - self.chance
        beyond = self.iou - self.chance
        out = np.divide(beyond, room, out=np.minimum(beyond, 0), where=room > 0)
        return np.where(self.told, out, np.nan)


def area_matched_overlap(
    codes: Float[np.ndarray, "mt k"], covered: Float[np.ndarray, "mt l"], *, n_tokens: int
) -> Overlap:
    """IoU of a concept's strongest tokens with a mask, over all tokens of m images at once.

    `covered` is the share of each token's cell inside the mask, 0..1; `n_tokens` are an image's. As
    many tokens count as "on" as the mask covers in area, so no threshold is chosen per image
    (Network Dissection, Bau et al. 2017, arXiv 1704.05796, fixes a quantile instead; a fixed one
    favours large masks). Tokens without a positive code are never on. What shuffled tokens hit has
    the mean and variance of draws without replacement, and a skewness of at most a Poisson count's
    (Cornish and Fisher 1938 turn these into the quantile).
    """
    areas = covered.sum(0, dtype=np.float64)
    wanted = np.flatnonzero(np.rint(areas) > 0)
    hit, expected, luck, most, taken = np.full((5, codes.shape[1], covered.shape[1]), np.nan)
    by_image = covered.reshape(-1, n_tokens, covered.shape[1]).astype(np.float64)
    mean, spread = by_image.mean(1), by_image.var(1) / max(n_tokens - 1, 1)
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
            luck[k, label] = np.sqrt((n * (n_tokens - n)) @ spread[:, label])
            most[k, label] = best[rows, n, label].sum()
    told = expected < FILLS * most
    bound = expected + _Z * luck + np.where(luck > 0, (_Z**2 - 1) / 6, 0)
    bound = np.minimum(bound, np.minimum(taken, areas))  # no map hits more
    iou, chance, best = (x / (taken + areas - x) for x in (hit, bound, most))
    return Overlap(iou, chance, best, told)
