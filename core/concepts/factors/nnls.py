"""Non-negative least squares for many tokens at once: min_{u >= 0} |x - u D|^2.

Everything goes through D x^T and the k x k Gram matrix D D^T. `codes` is exact, by compiled
pivoting (`pivoting`); `solve` takes a few cheap steps from where it stands, as fits
that alternate need: coordinate descent, each code solved exactly while the others stand (HALS;
Cichocki & Phan 2009, algorithm 2), concepts first, so that each coordinate is one contiguous row.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.threads import in_parts
from core.concepts.factors import pivoting

EPS = 1e-12
_RIDGE = 1e-6
"""over the Gram matrix's mean diagonal: dependent directions share what they explain"""


def nnls_codes(x: Float[Tensor, "*n d"], directions: Float[Tensor, "k d"]) -> Float[Tensor, "*n k"]:
    """The non-negative least-squares code of each token; unique for independent directions."""
    flat = x.reshape(-1, x.shape[-1])
    exact = directions.double()
    gram, target = _ridged(exact @ exact.T), flat @ directions.T
    # the unconstrained code tells which concepts to try first
    u = target @ torch.linalg.inv(gram).to(target.dtype)
    in_parts(lambda code, aim: pivoting.settle(code, aim, gram.numpy()), u, target)
    return u.reshape(*x.shape[:-1], len(directions))


def start(target: Float[Tensor, "k n"], gram: Float[Tensor, "k k"]) -> Float[Tensor, "k n"]:
    """The unconstrained least-squares code, cut at zero."""
    return torch.linalg.solve(_ridged(gram), target).clamp_min(0)


def _ridged(gram: Float[Tensor, "k k"]) -> Float[Tensor, "k k"]:
    ridge = _RIDGE * gram.diagonal().mean().clamp_min(EPS)
    return gram + ridge * torch.eye(len(gram), dtype=gram.dtype)


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
        if tol and change <= tol * max(u.max().item(), EPS):
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
) -> float:
    """Each code once, in place; returns the largest change."""
    before, row = u.clone(), torch.empty_like(u[0])
    for j in range(len(u)):
        torch.addmv(goal[j], u.T, pull[j], alpha=-1.0, out=row)
        u[j] = row.clamp_min_(0)
    return before.sub_(u).abs_().max().item()
