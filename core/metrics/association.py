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
    most = int(min(n_on.max(), len(codes)))
    for k in range(codes.shape[1]):
        column = codes[:, k]
        on = np.flatnonzero(column > 0)
        top = on[np.argsort(-column[on], kind="stable")[:most]]
        inside = np.cumsum(covered[top][:, wanted], axis=0)
        taken = np.minimum(n_on[wanted], len(top))
        hit = np.where(taken > 0, inside[taken - 1, np.arange(len(wanted))], 0) if len(top) else 0.0
        out[k, wanted] = hit / (taken + areas[wanted] - hit)
    return out
