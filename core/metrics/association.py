"""How well scores separate two kinds of images: areas under the ROC curve, many at once."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Integer
from scipy.stats import rankdata


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


def area_matched_iou(
    codes: Float[np.ndarray, "m k"], covered: Float[np.ndarray, "m l"]
) -> Float64[np.ndarray, "k l"]:
    """IoU of a concept's strongest tokens with a mask, over all tokens of all images at once.

    `covered` is the share of each token's cell inside the mask, 0..1. As many tokens count as
    "on" as the mask covers in area, so no threshold is chosen per image (Network Dissection, Bau
    et al. 2017, arXiv 1704.05796, fixes a quantile instead; a fixed one favours large masks).
    Tokens without a positive code are never on. NaN where the mask covers less than one token.
    """
    out = np.full((codes.shape[1], covered.shape[1]), np.nan)
    areas = covered.sum(0)
    n_on = np.rint(areas).astype(int)
    wanted = np.flatnonzero(n_on > 0)
    if wanted.size == 0:
        return out
    token, label = np.nonzero(covered)
    share = covered[token, label]
    for k in range(codes.shape[1]):
        column = codes[:, k]
        on = np.flatnonzero(column > 0)
        rank = np.full(len(codes), len(codes))
        rank[on[np.argsort(-column[on], kind="stable")]] = np.arange(len(on))
        chosen = rank[token] < np.minimum(n_on, len(on))[label]
        hit = np.bincount(label[chosen], share[chosen], minlength=len(areas))[wanted]
        taken = np.minimum(n_on[wanted], len(on))
        out[k, wanted] = hit / (taken + areas[wanted] - hit)
    return out


def chance_iou(covered: Float[np.ndarray, "m l"]) -> Float64[np.ndarray, " l"]:
    """The IoU that `area_matched_iou` expects of a random map, 0..1; NaN without tokens.

    A mask over the share p of all cells, and p of them at random, have p² in common: p / (2 - p).
    An upper bound for maps with fewer positive tokens than the mask has.
    """
    if not len(covered):
        return np.full(covered.shape[1], np.nan)
    p = covered.mean(0, dtype=np.float64)
    return p / (2 - p)


def above_chance(
    iou: Float[np.ndarray, "k l"], chance: Float[np.ndarray, " l"]
) -> Float64[np.ndarray, "k l"]:
    """1: the mask itself, 0: a random map, so that masks of every size compare; NaN stays NaN."""
    return (iou - chance) / (1 - chance)
