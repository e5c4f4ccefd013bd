"""Principal components: the k orthogonal directions that lose least.

x - mean ~ c @ V with V the top eigenvectors of the covariance (as a concept extractor: Zhang et al.
2021, arXiv 2006.15417, ICE's reducer). Codes are signed; no bank of k directions has a lower
squared error on the tokens it is fitted on (Eckart & Young 1936).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from core.concepts.common.stored import Stored
from core.concepts.common.token_sample import above_rounding, refuse_more_than_rank, sampled
from core.types import FitData


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """orthonormal rows, by falling variance; each one's largest entry is positive"""
    mean: Float[Tensor, " d"]
    signed = True

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return self.mean

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """Signed projections, in units of activation."""
        return (x - self.mean) @ self.directions.T


def fit(data: FitData, *, n_concepts: int = 24, seed: int = 0, max_rows: int = 50_000) -> Bank:
    """Eigenvectors of the covariance of at most `max_rows` train tokens, in double precision.

    Raises ValueError for more concepts than the tokens have dimensions of variation, and for
    activations that are not finite.
    """
    x = sampled(data, max_rows, n_concepts=n_concepts, seed=seed, title="PCA")
    mean = x.mean(0, dtype=torch.float64)
    covariance = torch.zeros(len(mean), len(mean), dtype=torch.float64)
    for part in x.split(8192):
        centred = part.double() - mean
        covariance.addmm_(centred.T, centred)
    variance, vectors = torch.linalg.eigh(covariance / len(x))
    rank = min(above_rounding(variance), len(x) - 1)
    refuse_more_than_rank(x, n_concepts=n_concepts, title="PCA about the mean", rank=rank)
    rows = vectors.flip(1)[:, :n_concepts].T
    largest = rows.abs().argmax(1, keepdim=True)
    rows = rows * rows.gather(1, largest).sign()
    explained = variance.flip(0)[:n_concepts].sum() / variance.sum()
    data.progress(f"{n_concepts} components explain {explained:.1%} of the variance")
    return Bank(rows.float().contiguous(), mean.float())
