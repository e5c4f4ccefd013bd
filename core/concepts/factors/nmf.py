"""Non-negative matrix factorisation: a token is a sum of parts.

x ~ u @ D with u >= 0, D >= 0 and unit rows in D, as in CRAFT (Fel et al. 2023, arXiv 2211.10154,
section 3.1). Fitted by accelerated HALS: each row of D, and each column of u, is solved exactly
while the others stand (Cichocki & Phan 2009, algorithm 2), several times for every product with x,
since a sweep over the k x k Gram matrix is cheaper (Gillis & Glineur 2012).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from sklearn.cluster import kmeans_plusplus
from torch import Tensor

from core.concepts.common.token_sample import refuse_more_than_rank, refuse_non_finite, refuse_unfit
from core.concepts.factors import nnls
from core.concepts.factors.additive import Additive
from core.types import FitData

_LOOKED_AT = 5_000
"""tokens among which seeds are sought, evenly spread"""
_INNER = 0.01
"""sweeps end once codes change by less than this share of the largest"""


@dataclass(frozen=True)
class Bank(Additive):
    """Its directions are non-negative."""


def fit(
    data: FitData,
    *,
    n_concepts: int = 24,
    seed: int = 0,
    max_rows: int = 50_000,
    max_iter: int = 200,
    tol: float = 2e-5,
) -> Bank:
    """Factorise a sample of at most `max_rows` train tokens.

    Stops when an iteration lowers the relative error by less than `tol` of it. Raises ValueError
    for signed activations, for more concepts than the tokens' rank, for tokens that are all equal
    and for activations that are not finite.
    """
    x = data.tokens.sample(max_rows, seed=seed)
    refuse(x, n_concepts=n_concepts, title="NMF")
    d, _ = factorise(x, n_concepts, seed=seed, max_iter=max_iter, tol=tol, progress=data.progress)
    return Bank(directions=d)


def factorise(
    x: Float[Tensor, "n d"],
    n_concepts: int,
    *,
    seed: int,
    max_iter: int,
    tol: float,
    progress: Callable[[str], None],
) -> tuple[Float[Tensor, "k d"], float]:
    """Unit parts of rows that `refuse` lets pass, and the relative error |x - u D| / |x|, 0..1."""
    seeds = _seeds(x, n_concepts, seed=seed)
    d = seeds.clone()
    energy = x.square().sum().item()
    before, relative = float("inf"), 1.0
    u = None
    # a product with x costs as much as d / k sweeps; half of that is spent on sweeps
    sweeps = 1 + x.shape[1] // (2 * n_concepts)
    for step in range(max_iter):
        target, gram = d @ x.T, d @ d.T
        if u is None:
            u = nnls.start(target, gram)
        nnls.solve(u, target, gram, sweeps=sweeps, tol=_INNER)
        fitted = (u * target).sum().item()
        codes = u @ u.T
        rebuilt = (codes * gram).sum().item()
        # the rows of D solve the same problem with the two factors exchanged
        nnls.solve(d, u @ x, codes, sweeps=sweeps, tol=_INNER)
        norms = d.norm(dim=1, keepdim=True)
        # a part that vanished starts again where it started at first
        d = torch.where(norms > nnls.EPS, d / norms.clamp_min(nnls.EPS), seeds)
        u = u * norms
        relative = (max(0.0, energy - 2 * fitted + rebuilt) / energy) ** 0.5
        progress(f"iteration {step + 1}, relative error {relative:.4f}")
        if before - relative < tol * before:
            break
        before = relative
    return d, relative


def refuse(x: Float[Tensor, "n d"], *, n_concepts: int, title: str) -> None:
    """Raises ValueError, which begins with `title`, for rows that have no `n_concepts` parts."""
    refuse_non_finite(x)
    refuse_negative(x, title=title)
    if not (x > 0).any():
        raise ValueError("every activation is zero, so there is nothing to factorise")
    refuse_unfit(x, n_concepts=n_concepts, title=title)
    refuse_more_than_rank(x, n_concepts=n_concepts, title=title)


def refuse_negative(x: Float[Tensor, "n d"], *, title: str) -> None:
    if x.min() < 0:
        share = (x < 0).float().mean().item()
        raise ValueError(
            f"{title} needs activations >= 0, but {share:.1%} of these are negative (lowest "
            f"{x.min().item():.3g}). Choose a layer after a ReLU, or a method for signed "
            "activations: semi_nmf (Semi-NMF), pca or sae"
        )


def _seeds(x: Float[Tensor, "n d"], k: int, *, seed: int) -> Float[Tensor, "k d"]:
    """k tokens far from each other, as unit rows; zero tokens are no seeds."""
    rows = x[x.norm(dim=1) > 0]
    rows = rows[:: -(-len(rows) // _LOOKED_AT)] if len(rows) else rows
    rows = rows / rows.norm(dim=1, keepdim=True)
    if len(rows) < k:
        generator = torch.Generator().manual_seed(seed)
        filler = torch.rand(k - len(rows), x.shape[1], generator=generator)
        return torch.cat([rows, filler / filler.norm(dim=1, keepdim=True)])
    centres, _ = kmeans_plusplus(rows.numpy(), k, random_state=seed)
    # an exact zero would stay one under multiplicative thinking; HALS can leave it, but slowly
    return torch.from_numpy(centres) + 1e-3 * rows.mean(0)
