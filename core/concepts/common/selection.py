"""The strongest latents of each token, and tokens sorted by latent: compiled, since with torch they
are most of what a sparse autoencoder costs beside its products."""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.concepts.common.threads import in_parts

_LANES = 64
"""or the next multiple of it above top_k"""

# no_type_check below: a shape check around it could not be compiled
_compiled = numba.njit(nogil=True, error_model="numpy")
_finite = numba.njit(nogil=True, error_model="numpy", fastmath={"nnan", "nsz", "reassoc"})


def strongest(
    codes: Float[Tensor, "*n k"], top_k: int
) -> tuple[Float[Tensor, "*n s"], Int[Tensor, "*n s"]]:
    """The values and indices of the `top_k` largest, in no order.

    A row with a NaN or an infinity gives NaN at index 0 (off the CPU: what torch makes of it).
    Raises ValueError unless 1 <= top_k <= k.
    """
    k = codes.shape[-1]
    if not 1 <= top_k <= k:
        raise ValueError(f"top_k must lie between 1 and {k}, not {top_k}")
    if codes.device.type != "cpu":
        found = codes.topk(top_k, dim=-1, sorted=False)
        return found.values, found.indices
    rows = codes.reshape(-1, k).contiguous()
    values = rows.new_empty(len(rows), top_k)
    index = torch.empty(len(rows), top_k, dtype=torch.long)
    in_parts(_strongest, rows, values, index)
    shape = (*codes.shape[:-1], top_k)
    return values.reshape(shape), index.reshape(shape)


def kept(codes: Float[Tensor, "*n k"], top_k: int) -> Float[Tensor, "*n k"]:
    """`codes` with all but the `top_k` largest of each row 0."""
    values, index = strongest(codes, top_k)
    return torch.zeros_like(codes).scatter_(-1, index, values)


def by_latent(index: Int[Tensor, "b s"], k: int) -> tuple[Int[Tensor, " n"], Int[Tensor, " k"]]:
    """The entries of `index`, counted row by row, in the order of the latents they name, and where
    each latent's begin."""
    if index.device.type != "cpu":
        flat = index.reshape(-1)
        counts = torch.bincount(flat, minlength=k)
        return flat.argsort(stable=True), counts.cumsum(0) - counts
    order, starts = torch.empty(index.numel(), dtype=torch.long), torch.zeros(k, dtype=torch.long)
    _by_latent(index.reshape(-1).numpy(), order.numpy(), starts.numpy())
    return order, starts


@_compiled
@no_type_check
def _strongest(
    rows: Float[np.ndarray, "n k"], values: Float[np.ndarray, "n s"], index: Int[np.ndarray, "n s"]
) -> None:
    """Row by row: read as columns, as many as there are lanes, only columns whose largest value is
    among the top_k of those can hold one of the top_k of all."""
    k, top_k = rows.shape[1], values.shape[1]
    n_lanes = min(k, _LANES * (1 + top_k // _LANES))
    lanes = np.empty(n_lanes, rows.dtype)
    few, where = np.empty(k, rows.dtype), np.empty(k, np.int64)
    for i in range(len(rows)):
        if _broken(rows, i):
            for a in range(top_k):
                values[i, a], index[i, a] = np.nan, 0
            continue
        _column_maxima(rows, i, lanes)
        bound = _nth_largest(lanes, n_lanes, top_k)
        n = 0
        for lane in range(n_lanes):
            if lanes[lane] >= bound:
                for j in range(lane, k, n_lanes):
                    few[n], where[n] = rows[i, j], j
                    n += rows[i, j] >= bound
        least = _nth_largest(few, n, top_k)
        spare = top_k  # places for those equal to the least
        for a in range(n):
            spare -= few[a] > least
        taken = 0
        for a in range(n):
            if few[a] > least or (few[a] == least and spare > 0):
                spare -= few[a] == least
                values[i, taken], index[i, taken] = few[a], where[a]
                taken += 1


@_compiled
@no_type_check
def _broken(rows: Float[np.ndarray, "n k"], i: int) -> bool:
    broken = False
    for j in range(rows.shape[1]):
        broken |= rows[i, j] - rows[i, j] != 0
    return broken


@_finite
@no_type_check
def _column_maxima(rows: Float[np.ndarray, "n k"], i: int, lanes: Float[np.ndarray, " l"]) -> None:
    k, n_lanes = rows.shape[1], len(lanes)
    for lane in range(n_lanes):
        lanes[lane] = rows[i, lane]
    for start in range(n_lanes, k - n_lanes + 1, n_lanes):
        for lane in range(n_lanes):
            lanes[lane] = max(lanes[lane], rows[i, start + lane])
    for j in range(k - k % n_lanes, k):
        lanes[j % n_lanes] = max(lanes[j % n_lanes], rows[i, j])


@_finite
@no_type_check
def _nth_largest(values: Float[np.ndarray, " k"], n: int, nth: int) -> np.floating:
    """Of the first `n`, by bisection: no branch hangs on one value, so that it vectorises."""
    low, high = values[0], values[0]
    for a in range(n):
        low, high = min(low, values[a]), max(high, values[a])
    while True:
        above = 0
        for a in range(n):
            above += values[a] > low
        if above < nth:
            return low
        middle = low + (high - low) / 2
        if not low < middle < high:
            return high
        above, least = 0, high
        for a in range(n):
            above += values[a] >= middle
            least = min(least, values[a] if values[a] >= middle else high)
        if above >= nth:
            low = least
        else:
            high = middle


@_compiled
@no_type_check
def _by_latent(
    index: Int[np.ndarray, " n"], order: Int[np.ndarray, " n"], starts: Int[np.ndarray, " k"]
) -> None:
    """Counting sort."""
    k = len(starts)
    filled = np.zeros(k + 1, np.int64)
    for latent in index:
        filled[latent + 1] += 1
    for latent in range(k):
        filled[latent + 1] += filled[latent]
        starts[latent] = filled[latent]
    for entry in range(len(index)):
        order[filled[index[entry]]] = entry
        filled[index[entry]] += 1
