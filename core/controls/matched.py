"""Matched controls: a bank's own directions turned at random, their codes as often and as strong.

A matched control differs from its bank in where its directions point, and in little else.

Matched exactly:

- all cosines among the directions, and with them coherence and effective rank: the bank's own
  directions are turned by one random rotation. Of a bank without a centre, as NMF's, the rotation
  leaves the mean token where it is, so that each direction stays as near to it as it was.
- how often each concept is on and how strongly, on the train tokens that it was matched on: the
  token of the r-th largest projection gets the r-th largest code of its counterpart. These are
  surrogates of equal amplitudes (Theiler et al. 1992, Physica D 58, doi
  10.1016/0167-2789(92)90102-S), here straight between the quantiles `KNOTS` and of equal mean.
  Signed codes stay affine in the token and have the mean and deviation of their counterpart's.

Not matched: how many codes a token has (only its mean), which concepts are on together, how the
projections correlate, and that a direction of large variance has strong codes, for these are what
directions are learned for. So a bank of random directions rebuilds more than its control does,
where the variance of activations is uneven (on the demonstration's by 0.07 of R2), and its codes
are less sparse where `top_k` chooses in each token (Hoyer sparsity).

Random directions are the baseline that Adebayo et al. 2018 (arXiv 1810.03292) ask for; why they
have to be as sparse, and more than plainly random, see arXiv 2602.14111.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

from core.controls.codes import Affine, Control, Quantiles

KNOTS = (0.0, 0.5, 0.8, 0.95, 1.0)
"""quantiles of each concept's codes, where it is on, that its control's codes are laid on"""
_COLUMNS = 512
"""concepts matched at once"""


class Codes(NamedTuple):
    """Codes of a bank that are not 0, on some tokens or images, in ascending order of concept."""

    concept: Integer[np.ndarray, " e"]
    value: Float[np.ndarray, " e"]


def matched(
    directions: Float[Tensor, "k d"],
    x: Float[Tensor, "n d"],
    codes: Codes,
    *,
    signed: bool,
) -> Control:
    """Directions, already turned, with the strengths that a bank's `codes` have; both on the same
    n tokens (or images)."""
    along = x @ directions.T
    k = len(directions)
    if signed:
        n = np.maximum(len(x), 1)
        mean = np.bincount(codes.concept, codes.value, k) / n
        square = np.bincount(codes.concept, codes.value.astype(np.float64) ** 2, k) / n
        deviation = torch.from_numpy(np.sqrt(np.maximum(square - mean**2, 0)))
        spread, middle = torch.std_mean(along.double(), dim=0, correction=0)
        gain = deviation / spread.clamp_min(1e-12)
        shift = torch.from_numpy(mean) - gain * middle
        return Control(directions, Affine(gain.float(), shift.float()))
    edges = np.searchsorted(codes.concept, np.arange(k + 1))
    at, code = (np.full((k, len(KNOTS) + 2), fill, dtype=np.float32) for fill in (np.inf, 0))
    for start in range(0, k, _COLUMNS):
        columns = np.sort(along[:, start : start + _COLUMNS].numpy(), axis=0)
        for i, column in enumerate(columns.T, start):
            values = np.sort(codes.value[edges[i] : edges[i + 1]])
            if len(values):
                at[i], code[i] = _knots(column, values)
    return Control(directions, Quantiles(torch.from_numpy(at), torch.from_numpy(code)))


def _knots(
    along: Float[np.ndarray, " n"], codes: Float[np.ndarray, " m"]
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, " q"]]:
    """Quantiles of the m largest projections and of the codes, both ascending; before them the
    threshold, half-way to the next projection, with half the least code; and a last piece of the
    mean slope, for what is larger than all."""
    n, m = len(along), len(codes)
    on, rank = along[n - m :], np.multiply(KNOTS, m - 1)
    at, code = (np.interp(rank, np.arange(m), part) for part in (on, codes))
    below = along[n - m - 1] if m < n else at[0] - (at[-1] - at[0]) / n
    at = np.concatenate([[(below + at[0]) / 2], at])
    code = np.concatenate([[code[0] / 2], code])
    code *= codes.mean() / np.interp(on, at, code).mean()
    return np.append(at, 2 * at[-1] - at[0]), np.append(code, 2 * code[-1] - code[0])


def rotated(
    directions: Float[Tensor, "k d"], *, seed: int, fixed: Float[Tensor, " d"] | None = None
) -> Float[Tensor, "k d"]:
    """The directions, turned by one random rotation, which leaves `fixed` where it is.

    Uniform over the orthogonal group: Q of a Gaussian matrix, signs by the diagonal of R (Mezzadri
    2007, arXiv math-ph/0609050).
    """
    rows, d = directions.double(), directions.shape[1]
    free = d
    mirror = torch.zeros(d, dtype=torch.double)
    if fixed is not None and bool(fixed.any()):
        free -= 1
        # the mirror that lays the fixed vector on the last axis
        mirror = fixed.double() / fixed.double().norm()
        mirror[-1] += 1.0 if mirror[-1] >= 0 else -1.0
        mirror /= mirror.norm()
    drawn = torch.from_numpy(np.random.default_rng(seed).standard_normal((free, free)))
    q, r = torch.linalg.qr(drawn)
    turned = rows - 2 * torch.outer(rows @ mirror, mirror)
    turned[:, :free] = turned[:, :free] @ (q * r.diagonal().sign())
    return (turned - 2 * torch.outer(turned @ mirror, mirror)).to(directions.dtype)
