"""Exact non-negative codes of many tokens: block principal pivoting, compiled.

A code is the least-squares one over its support S, the concepts it may use; S is right when no code
in it is negative and no gradient outside it is. Until then the concepts that are wrong change sides
all at once, and one at a time after three rounds without fewer of them, which ends for any positive
definite Gram matrix (Portugal, Judice & Vicente 1994; Kim & Park 2011, "Fast nonnegative matrix
factorization", section 3). Compiled on first use, in about a second.
"""

from __future__ import annotations

from typing import no_type_check

import numba
import numpy as np
from jaxtyping import Float, Int

_ROUNDS = 200
_PATIENCE = 3
"""rounds without fewer wrong concepts, after which they change sides one at a time"""
_WRONG = 1e-7
"""a gradient below -_WRONG times the Gram matrix's diagonal counts as negative"""

# no_type_check below: a shape check around it could not be compiled
_compiled = numba.njit(nogil=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")


@_compiled
@no_type_check
def settle(
    u: Float[np.ndarray, "n k"], target: Float[np.ndarray, "n k"], gram: Float[np.ndarray, "k k"]
) -> None:
    """Puts argmin_{u >= 0} u G u' / 2 - <target, u> of each row in `u`, whose positive entries are
    the supports that are tried first. `gram` must be positive definite."""
    k = len(gram)
    inside, index = np.zeros(k, np.bool_), np.zeros(k, np.int64)
    lower, found, slope = np.zeros((k, k)), np.zeros(k), np.zeros(k)
    for i in range(len(u)):
        fewest, patience = k + 1, _PATIENCE
        for j in range(k):
            inside[j] = u[i, j] > 0
        for _ in range(_ROUNDS):
            m = 0
            for j in range(k):
                if inside[j]:
                    index[m] = j
                    m += 1
            _least_squares(lower, found, target, i, gram, index, m)
            wrong, last = _check(found, slope, target, i, gram, index, m)
            if wrong == 0:
                break
            patience = _PATIENCE if wrong < fewest else patience - 1
            fewest = min(fewest, wrong)
            if patience < 0:
                inside[last] = not inside[last]
            else:
                for j in range(k):
                    inside[j] = inside[j] != (slope[j] < 0)
        for j in range(k):
            u[i, j] = 0
        for a in range(m):
            u[i, index[a]] = max(found[a], 0.0)


@_compiled
@no_type_check
def _least_squares(
    lower: Float[np.ndarray, "k k"],
    found: Float[np.ndarray, " k"],
    target: Float[np.ndarray, "n k"],
    i: int,
    gram: Float[np.ndarray, "k k"],
    index: Int[np.ndarray, " k"],
    m: int,
) -> None:
    """Solves G_SS found = target_S for the first m of `index`, by Cholesky; the diagonal of `lower`
    holds reciprocals."""
    for a in range(m):
        for b in range(a + 1):
            s = gram[index[a], index[b]]
            for c in range(b):
                s -= lower[a, c] * lower[b, c]
            lower[a, b] = s * lower[b, b] if b < a else 1 / np.sqrt(s)
        s = np.float64(target[i, index[a]])
        for c in range(a):
            s -= lower[a, c] * found[c]
        found[a] = s * lower[a, a]
    for a in range(m - 1, -1, -1):
        found[a] *= lower[a, a]
        for c in range(a):
            found[c] -= lower[a, c] * found[a]


@_compiled
@no_type_check
def _check(
    found: Float[np.ndarray, " k"],
    slope: Float[np.ndarray, " k"],
    target: Float[np.ndarray, "n k"],
    i: int,
    gram: Float[np.ndarray, "k k"],
    index: Int[np.ndarray, " k"],
    m: int,
) -> tuple[int, int]:
    """How many concepts are on the wrong side, and the last of them. `slope` becomes negative there
    only: the code of a concept in the support, the gradient of another."""
    k = len(gram)
    for j in range(k):
        slope[j] = _WRONG * gram[j, j] - target[i, j]
    for a in range(m):
        for j in range(k):
            slope[j] += gram[index[a], j] * found[a]
    for a in range(m):
        slope[index[a]] = found[a]
    wrong, last = 0, -1
    for j in range(k):
        if slope[j] < 0:
            wrong, last = wrong + 1, j
    return wrong, last
