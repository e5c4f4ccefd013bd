"""Is an importance true? Take concepts away, or bring them in, in its order and watch the logit.

C-deletion, C-insertion and C-muFidelity: the tests of saliency maps with concept scores in place of
pixels and 0 as the baseline (Fel et al. 2023, arXiv 2306.07304).
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from core.importance.types import Function
from core.metrics.perturbation import curve_area

METRICS = ("C-insertion", "C-deletion", "C-muFidelity")
STEPS = 10
SUBSETS = 64
SUBSET_SHARE = 0.2


def c_insertion(
    function: Function, scores: Float[Tensor, "n k"], importance: Float[Tensor, "n k"]
) -> Float64[np.ndarray, " n"]:
    """Mean height of the logit's curve as concepts come in, most important first; large is good."""
    return _area(function, scores, importance, keep_first=True)


def c_deletion(
    function: Function, scores: Float[Tensor, "n k"], importance: Float[Tensor, "n k"]
) -> Float64[np.ndarray, " n"]:
    """The same as concepts are set to 0, most important first; small is good."""
    return _area(function, scores, importance, keep_first=False)


def _area(
    function: Function,
    scores: Float[Tensor, "n k"],
    importance: Float[Tensor, "n k"],
    *,
    keep_first: bool,
) -> Float64[np.ndarray, " n"]:
    k = scores.shape[1]
    rank = importance.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    shown = [rank < round(step * k / STEPS) for step in range(STEPS + 1)]
    with torch.no_grad():
        # all steps at once: a function that runs a network likes few large batches
        outputs = function(torch.cat([scores * (s if keep_first else ~s) for s in shown]))
    return curve_area(outputs.unflatten(0, (STEPS + 1, -1)).T.numpy())


def mu_fidelity(
    function: Function,
    scores: Float[Tensor, "n k"],
    importances: Float[Tensor, "m n k"],
    *,
    seed: int,
) -> Float64[np.ndarray, "m n"]:
    """Correlation, -1..1, over 64 random fifths of the concepts, of their summed importance with
    what the logit loses without them (Bhatt et al. 2020, arXiv 2005.00631).

    Several importances at once meet the same subsets. NaN where either side does not vary.
    """
    n, k = scores.shape
    rng = np.random.default_rng(seed)
    size = max(1, round(SUBSET_SHARE * k))
    out = np.full((len(importances), n), np.nan)
    with torch.no_grad():
        whole = function(scores)
        for i in range(n):
            # the `size` smallest of k random numbers: a subset without a sort
            drawn = rng.random((SUBSETS, k))
            gone = drawn <= np.partition(drawn, size - 1, axis=1)[:, size - 1, None]
            kept = torch.from_numpy(scores[i].numpy() * ~gone)
            lost = (whole[i] - function(kept)).numpy()
            claimed = importances[:, i].numpy() @ gone.T.astype(np.float64)
            out[:, i] = _correlation(claimed, lost, size=float(whole[i].abs()))
    return out


def _correlation(
    claimed: Float64[np.ndarray, "m s"], lost: Float64[np.ndarray, " s"], *, size: float
) -> Float64[np.ndarray, " m"]:
    # differences of rounding are no differences
    if np.ptp(lost) <= 1e-9 * max(np.abs(lost).max(), size):
        return np.full(len(claimed), np.nan)
    varies = np.ptp(claimed, axis=1) > 1e-9 * np.abs(claimed).max(axis=1)
    a, b = claimed - claimed.mean(1, keepdims=True), lost - lost.mean()
    norms = np.sqrt((a**2).sum(1) * (b**2).sum())
    return np.divide(a @ b, norms, out=np.full(len(a), np.nan), where=varies)
