"""Many L2 logistic probes at once, cross-validated: the baseline any concept has to stand beside.

All columns share one factorisation: the Hessian of a logistic loss is at most X'X / 4 (Böhning &
Lindsay 1988), so gradient steps scaled by that bound never overshoot, and Nesterov's momentum
makes them quick.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float64, Integer

STRENGTHS = (0.001, 0.005, 0.01, 0.1, 1.0, 5.0)
"""inverse L2 strengths to choose from, as scikit-learn's C (those of Ramaswamy et al. 2023, arXiv
2207.09615)"""
CHOSEN_ON = -1
"""the fold of images that are neither fitted on nor judged: strengths are chosen on them"""
_STEPS = 80


def folds(groups: Integer[np.ndarray, " n"], *, n: int, seed: int) -> Integer[np.ndarray, " n"]:
    """A fold 0..n-1 for each image, every group spread evenly over them."""
    order = np.lexsort((np.random.default_rng(seed).permutation(len(groups)), groups))
    out = np.empty(len(groups), dtype=np.int64)
    out[order] = np.arange(len(groups)) % n
    return out


def standardised(x: Float[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
    """Columns of mean 0 and deviation 1; constant ones become 0."""
    centred = x.astype(np.float64) - x.mean(0, dtype=np.float64)
    spread = centred.std(0)
    flat = spread <= 1e-7 * np.maximum(np.abs(x).max(0), 1e-30)
    return np.where(flat, 0, centred / np.where(flat, 1, spread))


def _turned(
    x: Float[np.ndarray, "b n d"],
) -> tuple[Float[np.ndarray, "b n r"], Float[np.ndarray, "b r"]]:
    """The rows along the principal axes of x'x, and its eigenvalues; at most n axes matter."""
    if x.shape[1] < x.shape[2]:
        eigen, rows = np.linalg.eigh(x @ x.transpose(0, 2, 1))
        eigen = np.maximum(eigen, 0)
        return rows * np.sqrt(eigen)[:, None], eigen
    eigen, axes = np.linalg.eigh(x.transpose(0, 2, 1) @ x)
    return x @ axes, np.maximum(eigen, 0)


def _fit(
    z: Float[np.ndarray, "b n r"],
    eigen: Float[np.ndarray, "b r"],
    y: Float[np.ndarray, "b n t"],
    *,
    c: Float[np.ndarray, "b t"],
) -> Float[np.ndarray, "b n t"]:
    """Logits of every row under each column's fit; y 1, 0 or NaN (not fitted on).

    Minimises c * log loss + |w|^2 / 2 with a free intercept, as scikit-learn does.
    """
    known = ~np.isnan(y)
    target = np.where(known, y, 0).astype(z.dtype)
    strength = (1 / c[:, None, :]).astype(z.dtype)
    # rows that are not fitted on only loosen the bound
    curvature = eigen[:, :, None] / 4 + strength
    flat = z.shape[1] / 4
    w = np.zeros((z.shape[0], z.shape[2], y.shape[2]), dtype=z.dtype)
    b = np.zeros((z.shape[0], 1, y.shape[2]), dtype=z.dtype)
    before_w, before_b = w, b
    age = np.ones_like(b)
    for _ in range(_STEPS):
        grown = (1 + np.sqrt(1 + 4 * age**2)) / 2
        push = (age - 1) / grown
        ahead_w = w + push * (w - before_w)
        ahead_b = b + push * (b - before_b)
        error = known * (_sigmoid(z @ ahead_w + ahead_b) - target)
        slope = z.transpose(0, 2, 1) @ error + strength * ahead_w
        next_w = ahead_w - slope / curvature
        next_b = ahead_b - error.sum(1, keepdims=True) / flat
        # momentum that points uphill starts afresh (O'Donoghue & Candès 2015)
        uphill = ((ahead_w - next_w) * curvature * (next_w - w)).sum(1, keepdims=True) > 0
        age = np.where(uphill, 1, grown)
        before_w, before_b, w, b = w, b, next_w, next_b
    return z @ w + b


def _sigmoid(x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
    return 0.5 * (1 + np.tanh(x / 2))


def held_out_logits(
    x: Float[np.ndarray, "b n d"],
    y: Float[np.ndarray, "b n t"],
    fold: Integer[np.ndarray, "b t"],
    *,
    fold_of: Integer[np.ndarray, " n"],
) -> Float[np.ndarray, "b n t"]:
    """Logits of fits that left out each column's fold.

    `x` has centred columns; `y` is 1, 0 or NaN (not fitted on). The strength is chosen on the rows
    of fold `CHOSEN_ON`, which nothing is fitted on, by columns that have both kinds there; by
    others on the next fold.
    """
    n_folds = int(fold_of.max()) + 1
    turned = _turned(x)
    kept = (fold_of == CHOSEN_ON)[None, :, None]
    out_of = fold_of[None, :, None] != fold[:, None, :]
    trained = np.where(out_of & ~kept, y, np.nan)
    both = (kept & (y == 1)).any(1) & (kept & (y == 0)).any(1)
    following = fold_of[None, :, None] == ((fold + 1) % n_folds)[:, None, :]
    tuned = np.where(both[:, None, :], kept, following & (n_folds > 2))
    c = np.full(fold.shape, STRENGTHS[len(STRENGTHS) // 2])
    if tuned.any():
        losses = []
        for strength in STRENGTHS:
            z = _fit(*turned, np.where(tuned, np.nan, trained), c=np.full(fold.shape, strength))
            loss = np.logaddexp(0, z) - np.nan_to_num(y) * z
            losses.append((loss * (tuned & ~np.isnan(y))).sum(1))
        c = np.where(tuned.any(1), np.array(STRENGTHS)[np.argmin(losses, axis=0)], c)
    return _fit(*turned, trained, c=c)


def ranked(
    x: Float[np.ndarray, "b n d"], y: Float[np.ndarray, "n t"], fold: Integer[np.ndarray, " n"]
) -> Float[np.ndarray, "n t"]:
    """Held-out logits of probes; `x` is one array for all, or one for each label and fold.

    Rows of fold `CHOSEN_ON` are NaN: strengths are chosen on them, and they are not judged.
    """
    n_folds, t = int(fold.max()) + 1, y.shape[1]
    label, left_out = (part.ravel() for part in np.indices((t, n_folds)))
    columns_of = y[:, label].astype(np.float32)
    if len(x) == 1:
        z = held_out_logits(x, columns_of[None], left_out[None], fold_of=fold)[0]
    else:
        of = columns_of.T[:, :, None]
        z = held_out_logits(x, of, left_out[:, None], fold_of=fold)[:, :, 0].T
    at = np.arange(t)[None, :] * n_folds + np.maximum(fold, 0)[:, None]
    own = np.take_along_axis(z, at, axis=1)
    return np.where((fold == CHOSEN_ON)[:, None], np.nan, own).astype(z.dtype)
