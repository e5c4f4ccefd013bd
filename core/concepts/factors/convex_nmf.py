"""Convex NMF: concepts that are mixtures of tokens, for activations of any sign.

x ~ G @ (W @ A) with G >= 0 and rows of W non-negative, so that every concept is a convex
combination of real tokens A (Ding, Li & Jordan 2010, "Convex and semi-nonnegative matrix
factorizations"). Theirs has A = x and an n x n Gram matrix; here A is a sample of
the tokens, so that memory stays bounded. With K = A A', P = G'x A', and + and - for positive and
negative parts, W <- W * sqrt((P+ + G'G W K-) / (P- + G'G W K+)); G as in Semi-NMF.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.token_sample import refuse_more_than_rank, sampled
from core.concepts.factors import nnls
from core.concepts.factors.additive import Additive
from core.concepts.factors.kmeans import centroids, nearest_centre, unit_rows
from core.concepts.factors.semi_nmf import updated_codes
from core.types import FitData


@dataclass(frozen=True)
class Bank(Additive):
    """Of directions that are, scaled, convex combinations of tokens."""


def fit(
    data: FitData,
    *,
    n_concepts: int = 24,
    seed: int = 0,
    max_rows: int = 50_000,
    n_anchors: int = 1000,
    max_iter: int = 300,
    tol: float = 1e-4,
) -> Bank:
    """Factorise at most `max_rows` train tokens over at most `n_anchors` of them.

    Stops when ten iterations lower the relative error by less than `tol` of it. Raises ValueError
    for more concepts than the tokens' rank or anchors, and for activations that are not finite.
    """
    if n_anchors < n_concepts:
        raise ValueError(
            f"convex NMF mixes {n_concepts} concepts from n_anchors = {n_anchors} tokens; give at "
            f"least {n_concepts}"
        )
    x = sampled(data, max_rows, n_concepts=n_concepts, seed=seed, title="convex NMF")
    refuse_more_than_rank(x, n_concepts=n_concepts, title="convex NMF")
    generator = torch.Generator().manual_seed(seed)
    anchors = x[torch.randperm(len(x), generator=generator)[:n_anchors]]
    g, w = _start(x, anchors, n_concepts, seed=seed)
    gram = anchors @ anchors.T
    energy = x.square().sum().item()
    before = float("inf")
    for step in range(max_iter):
        g = updated_codes(g, x, w @ anchors)
        w = updated_weights(w, g, (g.T @ x) @ anchors.T, gram)
        # rows of W sum to one; their scale goes to the codes
        sums = w.sum(1).clamp_min(nnls.EPS)
        w, g = w / sums[:, None], g * sums
        if step % 10 == 9:
            d = w @ anchors
            left = energy - 2 * ((g.T @ x) * d).sum().item() + ((g.T @ g) * (d @ d.T)).sum().item()
            relative = (max(0.0, left) / energy) ** 0.5
            data.progress(f"iteration {step + 1}, relative error {relative:.4f}")
            if before - relative < tol * before:
                break
            before = relative
    return Bank(unit_rows(w @ anchors))


def updated_weights(
    w: Float[Tensor, "k m"],
    g: Float[Tensor, "n k"],
    product: Float[Tensor, "k m"],
    gram: Float[Tensor, "m m"],
) -> Float[Tensor, "k m"]:
    """One multiplicative update; product = G'x A', gram = A A'."""
    mixed = (g.T @ g) @ w
    over = product.clamp_min(0) + mixed @ (-gram).clamp_min(0)
    under = (-product).clamp_min(0) + mixed @ gram.clamp_min(0)
    return w * (over / under.clamp_min(nnls.EPS)).sqrt_()


def _start(
    x: Float[Tensor, "n d"], anchors: Float[Tensor, "m d"], k: int, *, seed: int
) -> tuple[Float[Tensor, "n k"], Float[Tensor, "k m"]]:
    """Codes and weights from k-means clusters of directions (Ding et al. 2010)."""
    rows = unit_rows(x)
    centres = centroids(rows, k, seed=seed)
    g = torch.full((len(x), k), 0.2)
    g[torch.arange(len(x)), nearest_centre(rows, centres)] += 1.0
    norms = x.norm(dim=1, keepdim=True)
    g = g * (norms / norms.mean()).clamp_min(nnls.EPS)
    w = torch.full((k, len(anchors)), 0.2 / len(anchors))
    # every concept starts from its cluster's anchors, or from the one nearest to its centre
    member = torch.nn.functional.one_hot(nearest_centre(unit_rows(anchors), centres), k).T.float()
    closest = torch.nn.functional.one_hot((centres @ unit_rows(anchors).T).argmax(1), len(anchors))
    member = torch.where(member.sum(1, keepdim=True) > 0, member, closest.float())
    return g, w + member / member.sum(1, keepdim=True)
