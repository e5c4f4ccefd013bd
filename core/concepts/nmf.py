"""Non-negative matrix factorisation: a token is a sum of parts.

x ~ u @ D with u >= 0, D >= 0 and unit rows in D, as in CRAFT (Fel et al. 2023, arXiv 2211.10154,
section 3.1). Fitted by HALS, hierarchical alternating least squares: each row of D, and each
column of u, is solved exactly while the others stand (Cichocki & Phan 2009, algorithm 2). All
products go through the k x k Gram matrices, so a sweep costs three matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from sklearn.cluster import kmeans_plusplus
from torch import Tensor

from core.types import FitData

_EPS = 1e-12


@dataclass(frozen=True)
class Bank:
    directions: Float[Tensor, "k d"]
    """unit rows, non-negative"""
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return torch.zeros(self.directions.shape[1])

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """The unique non-negative least-squares code of each token, in units of activation."""
        flat = x.reshape(-1, x.shape[-1])
        target, gram = self.directions @ flat.T, self.directions @ self.directions.T
        codes = _start(target, gram)
        _solve(codes, target, gram, sweeps=200, tol=1e-4)
        return codes.T.reshape(*x.shape[:-1], -1)

    def tensors(self) -> dict[str, Tensor]:
        return {"directions": self.directions}

    def facts(self) -> list[dict[str, float]]:
        return []


def fit(
    data: FitData,
    *,
    n_concepts: int = 24,
    seed: int = 0,
    max_rows: int = 50_000,
    max_iter: int = 200,
    tol: float = 1e-4,
) -> Bank:
    """Factorise a sample of at most `max_rows` train tokens.

    Stops when an iteration lowers the relative error by less than `tol` of it. Raises ValueError
    for signed activations and for more concepts than rows or channels.
    """
    x = data.tokens.sample(max_rows, seed=seed)
    if x.min() < 0:
        share = (x < 0).float().mean().item()
        raise ValueError(
            f"NMF needs activations >= 0, but {share:.1%} of these are negative (lowest "
            f"{x.min().item():.3g}). Choose a layer after a ReLU, or a method for signed "
            "activations: sae now, Semi-NMF once this program has it"
        )
    if n_concepts > min(x.shape):
        raise ValueError(
            f"NMF with {n_concepts} concepts needs at least as many rows and channels, but there "
            f"are {x.shape[0]} tokens of width {x.shape[1]}; ask for at most {min(x.shape)}"
        )
    if not (x > 0).any():
        raise ValueError("every activation is zero, so there is nothing to factorise")
    d = _seeds(x, n_concepts, seed=seed)
    u = _start(d @ x.T, d @ d.T)
    energy = x.square().sum()
    before = torch.inf
    for step in range(max_iter):
        _solve(u, d @ x.T, d @ d.T, sweeps=1, tol=0.0)
        # the rows of D solve the same problem with the two factors exchanged
        _solve(d, u @ x, u @ u.T, sweeps=1, tol=0.0)
        norms = d.norm(dim=1, keepdim=True).clamp_min(_EPS)
        d, u = d / norms, u * norms
        if step % 5 == 4:
            fitted = (u * (d @ x.T)).sum()
            rebuilt = ((u @ u.T) * (d @ d.T)).sum()
            relative = ((energy - 2 * fitted + rebuilt).clamp_min(0) / energy).sqrt().item()
            data.progress(f"iteration {step + 1}, relative error {relative:.4f}")
            if before - relative < tol * before:
                break
            before = relative
    return Bank(directions=d)


def _seeds(x: Float[Tensor, "n d"], k: int, *, seed: int) -> Float[Tensor, "k d"]:
    """k tokens far from each other, as unit rows; zero tokens are no seeds."""
    rows = x[x.norm(dim=1) > 0][:20_000]
    rows = rows / rows.norm(dim=1, keepdim=True)
    if len(rows) < k:
        generator = torch.Generator().manual_seed(seed)
        filler = torch.rand(k - len(rows), x.shape[1], generator=generator)
        return torch.cat([rows, filler / filler.norm(dim=1, keepdim=True)]) + _EPS
    centres, _ = kmeans_plusplus(rows.numpy(), k, random_state=seed)
    # an exact zero would stay one under multiplicative thinking; HALS can leave it, but slowly
    return torch.from_numpy(centres) + 1e-3 * rows.mean(0)


def _start(target: Float[Tensor, "k n"], gram: Float[Tensor, "k k"]) -> Float[Tensor, "k n"]:
    """The unconstrained least-squares code, cut at zero."""
    ridge = 1e-6 * gram.diagonal().mean().clamp_min(_EPS) * torch.eye(len(gram))
    return torch.linalg.solve(gram + ridge, target).clamp_min(0)


def _solve(
    u: Float[Tensor, "k n"],
    target: Float[Tensor, "k n"],
    gram: Float[Tensor, "k k"],
    *,
    sweeps: int,
    tol: float,
) -> None:
    """Coordinate sweeps, in place, on min_{u >= 0} |x - u^T D|^2, target = D x^T, gram = D D^T.

    Ends after `sweeps`, or once the largest change of a sweep is below tol times the largest code.
    Concepts come first, so that each coordinate is one contiguous row.
    """
    diagonal = gram.diagonal().clamp_min(_EPS)
    for _ in range(sweeps):
        largest = 0.0
        for j in range(len(u)):
            new = torch.addmv(target[j], u.T, gram[j], alpha=-1.0).div_(diagonal[j])
            new.add_(u[j]).clamp_min_(0)
            if tol:
                largest = max(largest, (new - u[j]).abs().max().item())
            u[j] = new
        if tol and largest <= tol * max(u.max().item(), _EPS):
            return
