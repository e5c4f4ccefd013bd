"""The tokens a factorisation is fitted on: a sample that bears it, or a sentence why not."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from core.types import FitData


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
    x: Float[Tensor, "n d"], *, n_concepts: int, title: str, most: int | None = None
) -> None:
    """Raises ValueError for more concepts than `most`, by default the smaller side of `x`."""
    most = min(x.shape) if most is None else most
    if n_concepts > most:
        raise ValueError(
            f"{title} with {n_concepts} concepts needs at least as many independent rows and "
            f"channels, but {x.shape[0]} tokens of width {x.shape[1]} have {most}; ask for at most "
            f"{most}"
        )


def _n_different(x: Float[Tensor, "n d"]) -> int:
    """Different rows, told apart by one random projection: equal rows never look different."""
    generator = torch.Generator().manual_seed(0)
    probe = torch.randn(x.shape[1], generator=generator, dtype=torch.float64)
    # a matrix product may round equal rows differently at the edge of a block; this cannot
    seen = torch.cat([(part.double() * probe).sum(1) for part in x.split(4096)])
    return len(seen.unique())
