"""The first two phases of CSR: where each concept is, then prototypes of how it looks there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from einops import einsum
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, normalize

from core.concepts.bottlenecks.prototypes import Projector, project, similarity
from core.types import ImageStream

_BLOCKS = 3
_BATCH = 256


class LocalVectors(NamedTuple):
    vectors: Float[Tensor, "v d"]
    concept: Integer[Tensor, " v"]
    """the k of each"""


class Sizes(NamedTuple):
    n_concepts: int
    n_prototypes: int
    """of each concept"""
    width: int
    """p, of the sphere's space"""


class SoftTriple(NamedTuple):
    """Similarity to a concept is a soft choice among its prototypes, q = softmax(gamma cosine); the
    loss is the cross-entropy of scale * similarity with `margin` taken off the right one (Qian et
    al. 2019, arXiv 1909.05235); CSR prints the sign reversed.
    """

    scale: float
    gamma: float
    margin: float


@dataclass(frozen=True)
class Net:
    projector: Projector
    prototypes: Float[Tensor, "k m p"]


def concept_head(
    pooled: Float[Tensor, "n d"], labels: Float[Tensor, "n k"], *, decay: float = 1e-3
) -> Float[Tensor, "k d"]:
    """Phase 1. The mean of cam^k is w_k . pooled, so the head is a logistic regression without
    intercept, solved by L-BFGS with an L2 penalty `decay`; unknown labels weigh nothing."""
    known = (~labels.isnan()).float()
    target = labels.nan_to_num()
    w = torch.zeros(labels.shape[1], pooled.shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([w], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        with torch.enable_grad():
            each = binary_cross_entropy_with_logits(pooled @ w.T, target, known, reduction="sum")
            value = each / len(pooled) + decay * w.square().sum() / 2
        value.backward()
        return value

    optimiser.step(loss)
    return w.detach()


def local_vectors(
    images: ImageStream,
    cam: Float[Tensor, "k d"],
    labels: Float[Tensor, "n k"],
    *,
    most: int,
    seed: int,
) -> LocalVectors:
    """v^k (equation 2) of concepts that are present, at most `most` of them."""
    here = (labels == 1).nonzero()
    generator = torch.Generator().manual_seed(seed)
    kept = torch.randperm(len(here), generator=generator)[:most]
    chosen = torch.zeros_like(labels, dtype=torch.bool)
    chosen[here[kept, 0], here[kept, 1]] = True
    vectors, concepts = [], []
    for rows, x in images.batches(64, seed=None):
        local, k = chosen[rows].nonzero(as_tuple=True)
        where = torch.softmax(einsum(x, cam, "b t d, k d -> b k t"), dim=-1)
        vectors.append((where @ x)[local, k])
        concepts.append(k)
    return LocalVectors(torch.cat(vectors), torch.cat(concepts))


def train(
    local: LocalVectors,
    sizes: Sizes,
    *,
    objective: SoftTriple,
    n_epochs: int,
    lr: float,
    seed: int,
    progress: Callable[[str], None],
) -> Net:
    """Phase 2. Raises ValueError when training diverges."""
    vectors, concept = local
    n_concepts, n_prototypes, width = sizes
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator) / math.sqrt(shape[-1])

    weight = drawn(width, vectors.shape[1])
    # vectors that share a large mean would all lie on one side of the sphere
    net = Projector(weight, -weight @ vectors.mean(0), drawn(_BLOCKS, width, width))
    prototypes = _among(local, net, sizes, generator)
    leaves = [t.requires_grad_() for t in (net.weight, net.bias, net.blocks, prototypes)]
    optimiser = torch.optim.Adam(leaves, lr=lr)
    every = torch.ones(n_concepts, n_prototypes, dtype=torch.bool)
    for epoch in range(n_epochs):
        total = 0.0
        used = torch.zeros(n_concepts, n_prototypes, dtype=torch.int64)
        for rows in torch.randperm(len(vectors), generator=generator).split(_BATCH):
            right = concept[rows]
            with torch.enable_grad():
                at = project(vectors[rows], net)
                cosine = similarity(at, normalize(prototypes, dim=-1), every)
                alike = (torch.softmax(objective.gamma * cosine, dim=-1) * cosine).sum(-1)
                taken = objective.margin * torch.nn.functional.one_hot(right, n_concepts)
                loss = cross_entropy(objective.scale * (alike - taken), right)
                optimiser.zero_grad()
                loss.backward()
            optimiser.step()
            nearest = cosine.detach()[torch.arange(len(rows)), right].argmax(-1)
            used.index_put_((right, nearest), torch.ones_like(right), accumulate=True)
            total += loss.item() * len(rows)
        if not math.isfinite(total):
            raise ValueError(f"csr diverged in epoch {epoch + 1}; lower lr = {lr}")
        dead = used == 0
        progress(
            f"epoch {epoch + 1} of {n_epochs}, loss {total / len(vectors):.4f}, "
            f"idle prototypes {dead.float().mean().item():.1%}"
        )
        if epoch < n_epochs - 1:
            with torch.no_grad():
                fresh = _among(local, net, sizes, generator)
                prototypes[dead] = fresh[dead]
            for name, moment in optimiser.state[prototypes].items():
                if name != "step":
                    moment[dead] = 0.0
    found = Projector(net.weight.detach(), net.bias.detach(), net.blocks.detach())
    return Net(found, normalize(prototypes.detach(), dim=-1))


def _among(
    local: LocalVectors, net: Projector, sizes: Sizes, generator: torch.Generator
) -> Float[Tensor, "k m p"]:
    """Projected local vectors of each concept, drawn at random with a little noise."""
    out = torch.randn(*sizes[:2], len(net.bias), generator=generator)
    for k in range(sizes.n_concepts):
        mine = (local.concept == k).nonzero()[:, 0]
        if len(mine):
            drawn = torch.randint(len(mine), (sizes.n_prototypes,), generator=generator)
            out[k] = 0.1 / math.sqrt(len(net.bias)) * out[k]
            out[k] += project(local.vectors[mine[drawn]], net)
    return normalize(out, dim=-1)
