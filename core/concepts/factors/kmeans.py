"""K-means: a token is the centre nearest to it.

The baseline of dictionary learning with one-hot codes (ACE, Ghorbani et al. 2019, arXiv 1902.03129;
as a factorisation, Fel et al. 2023, arXiv 2306.07304). The centre is written as mean token plus
norm times unit direction, so that codes @ directions + offset is the centre itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

from core.concepts.common.stored import Stored
from core.concepts.common.token_sample import sampled
from core.types import FitData

_EPS = 1e-12


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows: from the mean token to each centre"""
    norms: Float[Tensor, " k"]
    """distance of each centre from the mean token, the code of its tokens"""
    mean: Float[Tensor, " d"]
    signed = False

    @property
    def offset(self) -> Float[Tensor, " d"]:
        return self.mean

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        """One code a token is not zero: its centre's norm, in units of activation."""
        # |x - c|^2 is smallest where x . c - |c|^2 / 2 is largest
        closeness = ((x - self.mean) @ self.directions.T) * self.norms - self.norms.square() / 2
        nearest = closeness.argmax(-1, keepdim=True)
        return torch.zeros_like(closeness).scatter_(-1, nearest, self.norms[nearest])


def fit(
    data: FitData,
    *,
    n_concepts: int = 24,
    seed: int = 0,
    max_rows: int = 50_000,
    max_iter: int = 100,
) -> Bank:
    """Mini-batches, then up to `max_iter` full passes over at most `max_rows` train tokens.

    Raises ValueError for more concepts than different tokens and for activations that are not
    finite.
    """
    x = sampled(data, max_rows, n_concepts=n_concepts, seed=seed, title="k-means")
    mean = x.mean(0)
    centres = centroids(x - mean, n_concepts, seed=seed, passes=max_iter)
    norms = centres.norm(dim=1)
    data.progress(f"{n_concepts} centres, mean distance from the mean token {norms.mean():.3g}")
    return Bank(unit_rows(centres), norms, mean)


def centroids(
    x: Float[Tensor, "n d"], k: int, *, seed: int, passes: int = 1
) -> Float[Tensor, "k d"]:
    """k centres: mini-batches from tokens far apart (Sculley 2010; k-means++), then full passes.

    A pass moves each centre to the mean of its tokens (Lloyd 1982); they end when no token changes
    its centre. Mini-batches alone leave centres on outliers that are too few to move them.
    """
    model = MiniBatchKMeans(k, batch_size=4096, n_init=3, random_state=seed, compute_labels=False)
    centres = torch.from_numpy(model.fit(x.numpy()).cluster_centers_).to(x.dtype)
    before = None
    for _ in range(passes):
        nearest = nearest_centre(x, centres)
        if before is not None and torch.equal(nearest, before):
            break
        counts = torch.bincount(nearest, minlength=k)[:, None]
        sums = torch.zeros_like(centres).index_add_(0, nearest, x)
        centres = torch.where(counts > 0, sums / counts.clamp_min(1), centres)
        before = nearest
    return centres


def nearest_centre(x: Float[Tensor, "n d"], centres: Float[Tensor, "k d"]) -> Tensor:
    """Index of the centre with the smallest Euclidean distance, one a token."""
    return (x @ centres.T - centres.square().sum(1) / 2).argmax(1)


def unit_rows(rows: Float[Tensor, "k d"]) -> Float[Tensor, "k d"]:
    """Rows over their norms; a zero row, which has no direction, becomes the diagonal."""
    norms = rows.norm(dim=1, keepdim=True)
    diagonal = torch.full_like(rows, rows.shape[1] ** -0.5)
    return torch.where(norms > _EPS, rows / norms.clamp_min(_EPS), diagonal)
