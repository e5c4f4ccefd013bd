"""Plain controls: random unit directions, all on for the same share of tokens.

Every direction is on as often as the bank's codes are on average, so that a token has as many
non-zero codes. Neither the rate nor the strength of single concepts, nor what the directions span,
is the bank's: of a bank with rare concepts a plain control has none. To rebuild tokens it solves
for its codes, of either sign, so that it does not lose for want of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from core.controls.codes import Affine, Beyond, Control

_RIDGE = 1e-5
"""keeps near-parallel directions solvable"""
_CHUNK = 8_192
"""tokens solved for at once"""


@dataclass(frozen=True)
class LeastSquares:
    """Directions that rebuild tokens as well as so few of them can."""

    directions: Float[Tensor, "k d"]
    centre: Float[Tensor, " d"]
    """subtracted before coding"""
    n_codes: int
    """of each token"""

    def codes(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        flat = (x - self.centre).view(-1, x.shape[-1])
        found = least_squares(flat, self.directions, n_codes=self.n_codes)
        return found.view(*x.shape[:-1], -1)

    def cls_codes(self, cls: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        return self.codes(cls)

    def rebuilt(self, codes: Float[Tensor, "*n k"]) -> Float[Tensor, "*n d"]:
        return codes @ self.directions + self.centre


def random_like(directions: Float[Tensor, "k d"], *, seed: int) -> Float[Tensor, "k d"]:
    """As many random unit directions; non-negative where the given ones all are."""
    rng = np.random.default_rng(seed)
    rows = torch.from_numpy(rng.standard_normal(directions.shape))
    rows = rows.abs() if bool((directions >= 0).all()) else rows
    return torch.nn.functional.normalize(rows, dim=1).to(directions.dtype)


def least_squares(
    x: Float[Tensor, "n d"], directions: Float[Tensor, "k d"], *, n_codes: int
) -> Float[Tensor, "n k"]:
    """Each token as the least-squares sum of the `n_codes` directions it lies along most.

    Of either sign: a control should not lose for want of freedom. More than min(k, d) are not
    needed to rebuild as well as the directions can.
    """
    m = max(1, min(n_codes, *directions.shape))
    gram = directions @ directions.T
    if m == len(directions):  # nothing to choose: one system serves all tokens
        ridge = gram + _RIDGE * torch.eye(m)
        return torch.linalg.solve(ridge, directions @ x.T).T.contiguous()
    out = torch.zeros(len(x), len(directions))
    for start in range(0, len(x), _CHUNK):
        along = x[start : start + _CHUNK] @ directions.T
        index = along.abs().topk(m, dim=1).indices
        small = gram[index[:, :, None], index[:, None, :]]
        small = small + _RIDGE * torch.eye(m)
        codes = torch.linalg.solve(small, along.gather(1, index))
        out[start : start + _CHUNK].scatter_(1, index, codes)
    return out


def beyond(directions: Float[Tensor, "k d"], x: Float[Tensor, "n d"], *, share: float) -> Control:
    """On for the tokens furthest along each direction: this share of the n, one at least."""
    n = len(x)
    above = min(max(1, round(share * n)), n - 1)
    along = (x @ directions.T).numpy()
    threshold = np.partition(along, n - 1 - above, axis=0)[n - 1 - above]
    return Control(directions, Beyond(torch.from_numpy(threshold)))


def through(directions: Float[Tensor, "k d"], mean: Float[Tensor, " d"]) -> Control:
    """Signed distances to separators through the mean."""
    return Control(directions, Affine(torch.ones(len(directions)), -(directions @ mean)))
