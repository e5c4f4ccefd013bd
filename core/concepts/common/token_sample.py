"""The tokens a factorisation is fitted on: a sample that bears it, or a sentence why not."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.types import FitData

_ROUNDING = 1e-6
"""share of the largest singular value: single precision rounds at about 1e-7 of it, sums of a
layer's products a few times that"""


def sampled(
    data: FitData, n: int, *, n_concepts: int, seed: int, title: str
) -> Float[Tensor, "n d"]:
    """At most `n` train tokens, after `refuse_unfit`."""
    x = data.tokens.sample(n, seed=seed)
    refuse_non_finite(x)
    refuse_unfit(x, n_concepts=n_concepts, title=title)
    data.progress(f"{len(x)} tokens of width {x.shape[1]}")
    return x


def refuse_unfit(x: Float[Tensor, "n d"], *, n_concepts: int, title: str) -> None:
    """Raises ValueError for equal tokens and for more concepts than different tokens.

    `title` is the method's name for people.
    """
    if n_concepts < 1:
        raise ValueError(f"{title} needs n_concepts of 1 or more, not {n_concepts}")
    if n_concepts > len(x):
        raise ValueError(
            f"{title} with {n_concepts} concepts needs at least as many tokens, but there are "
            f"{len(x)}; ask for at most {len(x)}"
        )
    different = _n_different(x)
    if different == 1:
        raise ValueError(f"all {len(x)} tokens are equal, so there is nothing to tell apart")
    if n_concepts > different:
        raise ValueError(
            f"{title} with {n_concepts} concepts needs at least as many different tokens, but only "
            f"{different} of {len(x)} differ; ask for at most {different}"
        )


def refuse_non_finite(x: Float[Tensor, "n d"]) -> None:
    """Raises ValueError saying how many activations are NaN or infinite, if any are."""
    bad = int((~torch.isfinite(x)).sum())
    if bad:
        raise ValueError(
            f"{bad} of {x.numel()} activations are NaN or infinite; leave out the images they come "
            "from, or choose another layer"
        )


def refuse_more_than_rank(
    x: Float[Tensor, "n d"], *, n_concepts: int, title: str, rank: int | None = None
) -> None:
    """Raises ValueError for more concepts than the tokens' rank, measured unless it is known.

    Beyond the rank, directions that rebuild the tokens depend on each other: a token has many codes
    of equal error, and which of them its map shows is chance. That holds for NMF, too, though an
    exact one may need more parts than the rank (Cohen & Rothblum 1993).
    """
    found = numerical_rank(x, most=n_concepts) if rank is None else rank
    if n_concepts > found:
        raise ValueError(
            f"{title} with {n_concepts} concepts needs tokens of rank {n_concepts} or more, but "
            f"these {len(x)} tokens of width {x.shape[1]} have rank {found}: each is a mixture of "
            f"{found} directions, so codes of more would be arbitrary; ask for at most {found}, or "
            "choose kmeans, vq or sae, whose concepts may outnumber the directions"
        )


def numerical_rank(x: Float[Tensor, "n d"], *, most: int) -> int:
    """min(rank, most): singular values above `_ROUNDING` of the largest, in double precision.

    A random map to 2 * most channels keeps every rank up to `most` (Halko et al. 2011, arXiv
    0909.4061, section 4), and the rows are left as soon as that is reached.
    """
    d = x.shape[1]
    generator = torch.Generator().manual_seed(0)
    if d <= 2 * most:
        sketch = torch.eye(d, dtype=torch.float64)
    else:
        sketch = torch.randn(d, 2 * most, generator=generator, dtype=torch.float64)
    gram = sketch.new_zeros(sketch.shape[1], sketch.shape[1])
    rank = 0
    for part in x.split(4096):
        seen = part.double() @ sketch
        gram.addmm_(seen.T, seen)
        rank = above_rounding(torch.linalg.eigvalsh(gram))
        if rank >= most:
            return most
    return rank


def above_rounding(squares: Float[Tensor, " d"]) -> int:
    """How many squared singular values, in ascending order, are more than rounding."""
    return int((squares > _ROUNDING**2 * squares[-1]).sum())


def _n_different(x: Float[Tensor, "n d"]) -> int:
    """Different rows, told apart by one random projection: equal rows never look different."""
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(x.shape[1], generator=generator, dtype=torch.float64)
    # a matrix product may round equal rows differently at the edge of a block; this cannot
    seen = torch.cat([(part.double() * probe).sum(1) for part in x.split(4096)])
    return len(seen.unique())
