"""Non-negative codes that can be differentiated, without unrolling their solver.

u*(x) = argmin over u >= 0 of 1/2 |x - u D|^2 meets its optimality conditions: where u* > 0 the
gradient of the error is zero, so that on this active set S the code is that of plain least squares,
u_S = (D_S D_S')^-1 D_S x, and 0 elsewhere. By the implicit function theorem
du_S / dx = (D_S D_S')^-1 D_S and every other derivative is 0 (CRAFT, Fel et al. 2023, arXiv
2211.10154, section 3.4). At the border of an active set the code has a kink; the derivative given
there is that of the inner side.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.factors import nnls

_ENTRIES = 8_000_000
"""numbers in one block of systems of equations, 32 MB"""
_RIDGE = 1e-7
"""share of the mean squared norm; only dependent directions, whose code is not unique, feel it"""


def codes(x: Float[Tensor, "*n d"], directions: Float[Tensor, "k d"]) -> Float[Tensor, "*n k"]:
    """As `nnls.nnls_codes`, differentiable with respect to `x`; directions count as constant.

    Raises ValueError for directions that ask for a gradient, which this does not have.
    """
    if directions.requires_grad:
        raise ValueError("codes can be differentiated by their tokens, not by the directions")
    found: Tensor = _Codes.apply(x, directions)
    return found


def pulled_back(
    grad: Float[Tensor, "n k"], u: Float[Tensor, "n k"], directions: Float[Tensor, "k d"]
) -> Float[Tensor, "n d"]:
    """grad' du/dx of each row: the vector-Jacobian product at codes `u`."""
    k = len(directions)
    gram = directions @ directions.T
    ridge = _RIDGE * gram.diagonal().mean().clamp_min(nnls.EPS)
    eye = torch.eye(k, dtype=gram.dtype, device=gram.device)
    gram = gram + ridge * eye
    out = []
    for g, code in zip(*(t.split(max(1, _ENTRIES // k**2)) for t in (grad, u)), strict=True):
        on = (code > 0).to(gram.dtype)
        # inactive concepts get an equation of their own, v = 0, so that all systems are k x k
        systems = gram * on[:, :, None] * on[:, None, :] + eye * (1 - on)[:, :, None]
        out.append(torch.linalg.solve(systems, g * on) @ directions)
    return torch.cat(out)


class _Codes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, directions: Tensor) -> Tensor:
        u = nnls.nnls_codes(x, directions)
        ctx.save_for_backward(u, directions)
        return u

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        u, directions = ctx.saved_tensors
        k, d = directions.shape
        grad = pulled_back(grads[0].reshape(-1, k), u.reshape(-1, k), directions)
        return grad.reshape(*u.shape[:-1], d), None
