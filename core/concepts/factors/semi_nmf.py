"""Semi-NMF: non-negative codes over a free dictionary, for activations of any sign.

x ~ G @ D with G >= 0 and D free (Ding, Li & Jordan 2010, "Convex and semi-nonnegative matrix
factorizations"; on the activations of networks, Shafran et al. 2025, arXiv
2506.10920). D is solved by least squares; G by multiplicative updates, with A+ and A- the positive
and negative parts:  G <- G * sqrt((x D'+ + G (D D')-) / (x D'- + G (D D')+)).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.token_sample import refuse_more_than_rank, sampled
from core.concepts.factors import nnls
from core.concepts.factors.additive import Additive
from core.concepts.factors.kmeans import centroids, nearest_centre, unit_rows
from core.types import FitData

_ELSEWHERE = 0.05
"""starting code outside a token's cluster. Ding et al. take 0.2; G may stay dense at no cost in
error, which drives concepts apart, beyond the tokens, so less keeps them nearer to their cluster"""


@dataclass(frozen=True)
class Bank(Additive):
    """Its directions may have any sign."""


def fit(
    data: FitData,
    *,
    n_concepts: int = 24,
    seed: int = 0,
    max_rows: int = 50_000,
    max_iter: int = 300,
    tol: float = 1e-4,
) -> Bank:
    """Factorise a sample of at most `max_rows` train tokens.

    Stops when ten iterations lower the relative error by less than `tol` of it. Raises ValueError
    for more concepts than the tokens' rank and for activations that are not finite.
    """
    x = sampled(data, max_rows, n_concepts=n_concepts, seed=seed, title="Semi-NMF")
    refuse_more_than_rank(x, n_concepts=n_concepts, title="Semi-NMF")
    _, dictionary = factorise(
        x, n_concepts, seed=seed, max_iter=max_iter, tol=tol, progress=data.progress
    )
    return Bank(unit_rows(dictionary))


def factorise(
    x: Float[Tensor, "n d"],
    k: int,
    *,
    seed: int,
    max_iter: int,
    tol: float,
    progress: Callable[[str], None],
) -> tuple[Float[Tensor, "n k"], Float[Tensor, "k d"]]:
    """(G, D), starting from the k-means clusters of the tokens' directions (Ding et al. 2010)."""
    rows = unit_rows(x)
    nearest = nearest_centre(rows, centroids(rows, k, seed=seed))
    g = torch.full((len(x), k), _ELSEWHERE, dtype=x.dtype)
    g[torch.arange(len(x)), nearest] += 1.0
    g = g * x.norm(dim=1, keepdim=True).clamp_min(nnls.EPS)
    energy = x.square().sum().item()
    before = float("inf")
    d = dictionary(g, x)
    for step in range(max_iter):
        g = updated_codes(g, x, d)
        d = dictionary(g, x)
        if step % 10 == 9:
            # D is optimal for G, so the error is |x|^2 - <G'x, D>
            left = max(0.0, energy - ((g.T @ x) * d).sum().item())
            relative = (left / energy) ** 0.5
            progress(f"iteration {step + 1}, relative error {relative:.4f}")
            if before - relative < tol * before:
                break
            before = relative
    return g, d


def dictionary(g: Float[Tensor, "n k"], x: Float[Tensor, "n d"]) -> Float[Tensor, "k d"]:
    """argmin_D |x - G D|^2, with a trace of ridge for concepts that coincide."""
    gram = g.T @ g
    ridge = 1e-6 * gram.diagonal().mean().clamp_min(nnls.EPS)
    return torch.linalg.solve(gram + ridge * torch.eye(len(gram), dtype=g.dtype), g.T @ x)


def updated_codes(
    g: Float[Tensor, "n k"], x: Float[Tensor, "n d"], d: Float[Tensor, "k d"]
) -> Float[Tensor, "n k"]:
    """One multiplicative update; the error never grows (Ding et al. 2010)."""
    target, gram = x @ d.T, d @ d.T
    over = target.clamp_min(0) + g @ (-gram).clamp_min(0)
    under = (-target).clamp_min(0) + g @ gram.clamp_min(0)
    return g * (over / under.clamp_min(nnls.EPS)).sqrt_()
