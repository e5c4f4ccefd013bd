"""Recursive Semi-NMF: a tree of concepts from fine to coarse.

The tokens are factorised into fine concepts F, x ~ u @ F with u >= 0; their directions are
factorised again, and so on (recursion on the dictionary: Shafran et al. 2025, arXiv 2506.10920;
multi-layer Semi-NMF: Trigeorgis et al. 2014). The parent of a concept is the coarser one it points
along most. A fine concept f with parent p is written as (f . p) p + rest, so that the tree adds up:
a parent's code is what its children share, a child's code is what sets it apart, and together they
rebuild exactly what the fine concepts do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from jaxtyping import Float, Int
from torch import Tensor

from core.concepts.common.token_sample import refuse_more_than_rank, sampled
from core.concepts.factors import nnls
from core.concepts.factors.additive import Additive
from core.concepts.factors.kmeans import unit_rows
from core.concepts.factors.semi_nmf import factorise
from core.types import FitData


@dataclass(frozen=True)
class Bank(Additive):
    """Coarsest level first; below it, a direction is what sets a concept apart from its parent."""

    parents: Int[Tensor, " k"]
    """index of each concept's parent; -1 at the coarsest level"""
    levels: Int[Tensor, " k"]
    """0 at the coarsest level"""
    fine: Float[Tensor, "f d"]
    """unit rows: the whole fine concepts, of which codes are solved"""
    shares: Float[Tensor, "f k"]
    """non-negative; shares @ directions = fine"""

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Codes of all levels, in units of activation: a parent is on wherever a child is."""
        return nnls.nnls_codes(x, self.fine) @ self.shares


def fit(
    data: FitData,
    *,
    n_concepts: int = 24,
    seed: int = 0,
    levels: Sequence[int] = (),
    max_rows: int = 50_000,
    max_iter: int = 300,
    tol: float = 1e-4,
) -> Bank:
    """A tree over a sample of at most `max_rows` train tokens.

    `levels` are sizes from coarse to fine and must sum to `n_concepts`; without them a fifth of the
    concepts are parents of the rest. Raises ValueError for sizes that do not rise or do not sum,
    for more fine concepts than the tokens' rank, and for activations that are not finite.
    """
    sizes = tuple(levels) or (max(1, n_concepts // 5), n_concepts - max(1, n_concepts // 5))
    rising = all(a < b for a, b in pairwise(sizes))
    if sum(sizes) != n_concepts or min(sizes) < 1 or not rising:
        raise ValueError(
            f"levels must rise from coarse to fine, each 1 or more, and sum to n_concepts = "
            f"{n_concepts}, not {list(sizes)}; for example levels = [4, 20] with n_concepts = 24"
        )
    title = "hierarchical Semi-NMF"
    x = sampled(data, max_rows, n_concepts=sizes[-1], seed=seed, title=title)
    refuse_more_than_rank(x, n_concepts=sizes[-1], title=title)
    rows, whole = x, []
    for size in reversed(sizes):

        def progress(message: str, size: int = size) -> None:
            data.progress(f"level of {size}, {message}")

        _, d = factorise(rows, size, seed=seed, max_iter=max_iter, tol=tol, progress=progress)
        rows = unit_rows(d)
        whole.append(rows)
    return _tree(whole[::-1])


def _tree(whole: list[Float[Tensor, "_ d"]]) -> Bank:
    """The bank of unit concepts level by level, coarsest first."""
    n_concepts = sum(len(rows) for rows in whole)
    directions, parents = [whole[0]], [torch.full((len(whole[0]),), -1)]
    # how the concepts of the level above are made of directions
    shares = torch.eye(len(whole[0]), n_concepts)
    first = 0
    for above, rows in pairwise(whole):
        cosine, parent = (rows @ above.T).max(1)
        shared = cosine.clamp_min(0)[:, None]
        rest = rows - shared * above[parent]
        own = first + len(above) + torch.arange(len(rows))
        shares = shared * shares[parent]
        shares[torch.arange(len(rows)), own] = rest.norm(dim=1)
        directions.append(unit_rows(rest))
        parents.append(first + parent)
        first += len(above)
    levels = torch.cat([torch.full((len(rows),), i) for i, rows in enumerate(whole)])
    return Bank(torch.cat(directions), torch.cat(parents), levels, whole[-1], shares)
