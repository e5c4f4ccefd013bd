"""Is an importance true? Take concepts away, or bring them in, in its order and watch the logit.

C-deletion, C-insertion and C-muFidelity: the tests of saliency maps with concept scores in place of
pixels and 0 as the baseline (Fel et al. 2023, arXiv 2306.07304). Only concepts that are active on
the image take a step: of a thousand latents of which sixty fire, the others would fill the curve
with steps at which nothing happens, and any order that leaves them last would look good.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64, Integer
from torch import Tensor

from core.importance.types import Function

METRICS = ("C-insertion", "C-deletion", "C-muFidelity")
SUBSETS = 64
SUBSET_SHARE = 0.2
MOST_STEPS = 32
"""steps of a curve; an image with no more active concepts is changed by one concept a step"""
AT_ONCE = 1 << 23
"""numbers that one call of a function is given"""


def c_insertion(
    function: Function,
    scores: Float[Tensor, "n k"],
    importance: Float[Tensor, "n k"],
    *,
    seed: int = 0,
    most_steps: int = MOST_STEPS,
) -> Float64[np.ndarray, " n"]:
    """Mean height of the logit's curve above the logit without concepts, as the active concepts,
    those whose score is not 0, come in, most important first; large is good.

    Concepts of equal importance come in a random order. 0 for an image without active concepts.
    """
    return _area(function, scores, importance, keep_first=True, seed=seed, most_steps=most_steps)


def c_deletion(
    function: Function,
    scores: Float[Tensor, "n k"],
    importance: Float[Tensor, "n k"],
    *,
    seed: int = 0,
    most_steps: int = MOST_STEPS,
) -> Float64[np.ndarray, " n"]:
    """The same as active concepts are set to 0, most important first; small is good."""
    return _area(function, scores, importance, keep_first=False, seed=seed, most_steps=most_steps)


def span(function: Function, scores: Float[Tensor, "n k"]) -> Float64[np.ndarray, " n"]:
    """The logit with all concepts minus the logit without any: what areas are a share of."""
    with torch.no_grad():
        return (function(scores) - function(torch.zeros_like(scores))).numpy().astype(np.float64)


def _area(
    function: Function,
    scores: Float[Tensor, "n k"],
    importance: Float[Tensor, "n k"],
    *,
    keep_first: bool,
    seed: int,
    most_steps: int,
) -> Float64[np.ndarray, " n"]:
    active = scores != 0
    counts = active.sum(1)
    steps = counts.clamp(max=most_steps)
    rank = _ranks(importance.where(active, -torch.inf), seed=seed)
    most = max(1, int(steps.max()))
    out = []
    for part in torch.arange(len(scores)).split(max(1, AT_ONCE // ((most + 1) * scores.shape[1]))):
        x, ranks, n, last = scores[part], rank[part], counts[part], steps[part]
        shown = []
        for step in range(most + 1):
            first = (step * n / last.clamp(min=1)).round().clamp(max=n)
            come = ranks < first[:, None]
            shown.append(x * (come if keep_first else ~come))
        with torch.no_grad():
            # all steps at once: a function that runs a network likes few large batches
            heights = function(torch.cat(shown)).unflatten(0, (most + 1, -1)).T.double()
        whole = torch.arange(most + 1) <= last[:, None]
        ends = (heights[:, 0] + heights.gather(1, last[:, None])[:, 0]) / 2
        none = heights[:, 0] if keep_first else heights.gather(1, last[:, None])[:, 0]
        area = ((heights * whole).sum(1) - ends) / last.clamp(min=1) - none
        out.append(area.where(last > 0, torch.zeros(1, dtype=torch.float64)).numpy())
    return np.concatenate(out)


def _ranks(values: Float[Tensor, "n k"], *, seed: int) -> Integer[Tensor, "n k"]:
    """0 for the largest of a row; equal values in a random order."""
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.rand(values.shape, generator=generator).argsort(dim=1)
    order = values.gather(1, mixed).argsort(dim=1, descending=True, stable=True)
    return mixed.gather(1, order).argsort(dim=1)


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
