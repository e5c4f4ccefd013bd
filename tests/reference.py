"""Slow, obvious twins of what the packages compute fast. One loop per sum, float64, no tricks."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.optimize import nnls


def nnls_codes(x: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Row by row: argmin over u >= 0 of |x - u D|."""
    return np.stack([nnls(directions.T.astype(float), row.astype(float))[0] for row in x])


def sae_gradients(
    x: torch.Tensor, parameters: dict[str, torch.Tensor], *, top_k: int, tied: bool
) -> tuple[float, dict[str, torch.Tensor]]:
    """Mean squared error of a TopK autoencoder, and autograd's gradients of it."""
    leaf = {name: p.clone().requires_grad_(True) for name, p in parameters.items()}
    centred = x - leaf["decoder_bias"] if tied else x
    pre = torch.relu(centred @ leaf["encoder"].T + leaf["encoder_bias"])
    keep = torch.zeros_like(pre).scatter_(1, pre.topk(top_k, dim=1).indices, 1.0)
    loss = (x - (pre * keep) @ leaf["dictionary"] - leaf["decoder_bias"]).square().mean()
    loss.backward()
    return loss.item(), {name: p.grad for name, p in leaf.items() if p.grad is not None}


def auc(score: np.ndarray, label: np.ndarray) -> float:
    """Share of (present, absent) pairs in the right order; a tie is half a pair."""
    pairs = [
        1.0 if p > q else 0.5 if p == q else 0.0
        for p in score[label == 1]
        for q in score[label == 0]
    ]
    return float(np.mean(pairs)) if pairs else math.nan


def area_matched_iou(code: np.ndarray, covered: np.ndarray) -> float:
    """As many tokens on as the mask has area, strongest first, only those with a positive code."""
    n_on = round(float(covered.sum()))
    if n_on == 0:
        return math.nan
    ranked = sorted(range(len(code)), key=lambda i: (-code[i], i))
    on = [i for i in ranked if code[i] > 0][:n_on]
    both = sum(covered[i] for i in on)
    return both / (len(on) + covered.sum() - both)


def cell_share(
    mask: np.ndarray, grid: tuple[int, int], box: tuple[float, float, float, float]
) -> np.ndarray:
    """Every cell against every pixel: the area they share, over the cell's area."""
    (height, width), (h, w), (x0, y0, x1, y1) = mask.shape, grid, box
    out = np.zeros(grid)
    for row in range(h):
        for column in range(w):
            top, bottom = (height * (y0 + (y1 - y0) * (row + i) / h) for i in (0, 1))
            left, right = (width * (x0 + (x1 - x0) * (column + i) / w) for i in (0, 1))
            for y in range(height):
                for x in range(width):
                    down = max(0.0, min(bottom, y + 1) - max(top, y))
                    across = max(0.0, min(right, x + 1) - max(left, x))
                    out[row, column] += mask[y, x] * down * across
            out[row, column] /= (bottom - top) * (right - left)
    return out
