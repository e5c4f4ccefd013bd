"""Non-negative least squares for many tokens at once, by coordinate descent.

min_{u >= 0} |x - u D|^2: each code is solved exactly while the others stand (HALS; Cichocki & Phan
2009, algorithm 2). Everything goes through D x^T and the k x k Gram matrix D D^T. Concepts come
first, so that each coordinate is one contiguous row.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

EPS = 1e-12
_SWEEPS, _TOL = 200, 1e-4
"""a code has settled when a sweep changes it by less than this share of the largest code"""
_BLOCK = 4_096
"""tokens whose codes fit a core's cache"""


def codes(x: Float[Tensor, "*n d"], directions: Float[Tensor, "k d"]) -> Float[Tensor, "*n k"]:
    """The non-negative least-squares code of each token; unique for independent directions."""
    flat = x.reshape(-1, x.shape[-1])
    target, gram = directions @ flat.T, directions @ directions.T
    u = start(target, gram)
    if u.numel():
        enough = _TOL * max(u.max().item(), EPS)
        for block, goal in zip(u.split(_BLOCK, dim=1), target.split(_BLOCK, dim=1), strict=True):
            _settle(block, goal, gram, enough=enough)
    return u.T.reshape(*x.shape[:-1], len(directions))


def _settle(
    u: Float[Tensor, "k n"],
    target: Float[Tensor, "k n"],
    gram: Float[Tensor, "k k"],
    *,
    enough: float,
) -> None:
    """Sweeps over `u`, in place, until no code of a token changes by more than `enough`.

    Most tokens settle in a few sweeps: only the others go on.
    """
    left = torch.arange(u.shape[1])
    goal, pull = _scaled(target, gram)
    work = u.clone()
    for _ in range(_SWEEPS):
        moving = _sweep(work, goal, pull) > enough
        n = int(moving.sum())
        if n == 0:
            break
        if n < 0.7 * len(left):
            u[:, left] = work
            left, work, goal = left[moving], work[:, moving], goal[:, moving]
    u[:, left] = work


def start(target: Float[Tensor, "k n"], gram: Float[Tensor, "k k"]) -> Float[Tensor, "k n"]:
    """The unconstrained least-squares code, cut at zero."""
    ridge = 1e-6 * gram.diagonal().mean().clamp_min(EPS)
    eye = torch.eye(len(gram), dtype=gram.dtype)
    return torch.linalg.solve(gram + ridge * eye, target).clamp_min(0)


def solve(
    u: Float[Tensor, "k n"],
    target: Float[Tensor, "k n"],
    gram: Float[Tensor, "k k"],
    *,
    sweeps: int,
    tol: float,
) -> None:
    """Coordinate sweeps over `u`, in place; target = D x^T, gram = D D^T.

    Ends after `sweeps`, or once the largest change of a sweep is below tol times the largest code.
    """
    goal, pull = _scaled(target, gram)
    for _ in range(sweeps if u.numel() else 0):
        change = _sweep(u, goal, pull)
        if tol and change.max().item() <= tol * max(u.max().item(), EPS):
            return


def _scaled(
    target: Float[Tensor, "k n"], gram: Float[Tensor, "k k"]
) -> tuple[Float[Tensor, "k n"], Float[Tensor, "k k"]]:
    """Both over the Gram matrix's diagonal, and the latter without it: code j is then the positive
    part of goal[j] - pull[j] @ u."""
    scale = 1 / gram.diagonal().clamp_min(EPS)[:, None]
    return target * scale, (gram * scale).fill_diagonal_(0.0)


def _sweep(
    u: Float[Tensor, "k n"], goal: Float[Tensor, "k n"], pull: Float[Tensor, "k k"]
) -> Float[Tensor, " n"]:
    """Each code once, in place; returns each token's largest change."""
    before, row = u.clone(), torch.empty_like(u[0])
    for j in range(len(u)):
        torch.addmv(goal[j], u.T, pull[j], alpha=-1.0, out=row)
        u[j] = row.clamp_min_(0)
    return before.sub_(u).abs_().amax(0)
