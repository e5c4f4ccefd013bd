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


def codes(x: Float[Tensor, "*n d"], directions: Float[Tensor, "k d"]) -> Float[Tensor, "*n k"]:
    """The non-negative least-squares code of each token; unique for independent directions."""
    flat = x.reshape(-1, x.shape[-1])
    target, gram = directions @ flat.T, directions @ directions.T
    u = start(target, gram)
    solve(u, target, gram, sweeps=200, tol=1e-4)
    return u.T.reshape(*x.shape[:-1], -1)


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
    diagonal = gram.diagonal().clamp_min(EPS)
    for _ in range(sweeps):
        largest = 0.0
        for j in range(len(u)):
            new = torch.addmv(target[j], u.T, gram[j], alpha=-1.0).div_(diagonal[j])
            new.add_(u[j]).clamp_min_(0)
            if tol:
                largest = max(largest, (new - u[j]).abs().max().item())
            u[j] = new
        if tol and largest <= tol * max(u.max().item(), EPS):
            return
