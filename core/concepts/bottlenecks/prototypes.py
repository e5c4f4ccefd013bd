"""Prototypes on a sphere: projecting tokens there, and which train image each one is like (CSR)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from einops import einsum
from jaxtyping import Bool, Float, Integer
from torch import Tensor
from torch.nn.functional import layer_norm, normalize

from core.types import ImageStream

_BATCH = 64
"""images looked at together"""


@dataclass(frozen=True)
class Projector:
    weight: Float[Tensor, "p d"]
    bias: Float[Tensor, " p"]
    blocks: Float[Tensor, "b p p"]


def project(x: Float[Tensor, "*n d"], p: Projector) -> Float[Tensor, "*n p"]:
    """Unit vectors: an affine map, then residual blocks of linear map, normalisation and ReLU.

    The paper's blocks normalise over instance and batch; over the vector's own numbers, as here, a
    token means the same in every batch and outside a map.
    """
    h = x @ p.weight.T + p.bias
    for block in p.blocks:
        h = h + torch.relu(layer_norm(h @ block.T, h.shape[-1:]))
    return normalize(h, dim=-1)


def similarity(
    x: Float[Tensor, "*n p"],
    prototypes: Float[Tensor, "k m p"],
    alive: Integer[Tensor, "k m"] | Bool[Tensor, "k m"],
) -> Float[Tensor, "*n k m"]:
    """Cosines; -2, below every cosine, for pruned prototypes."""
    found = einsum(x, prototypes, "... p, k m p -> ... k m")
    return found.masked_fill(alive == 0, -2.0)


@dataclass(frozen=True)
class Atlas:
    scores: Float[Tensor, "n k"]
    """largest cosine over an image's tokens and a concept's prototypes"""
    hits: Integer[Tensor, "k m"]
    """images in which it is the nearest of its concept's"""
    exemplar: Integer[Tensor, "k m 2"]
    """image and token of largest cosine"""


def atlas(images: ImageStream, p: Projector, prototypes: Float[Tensor, "k m p"]) -> Atlas:
    k, m, _ = prototypes.shape
    scores = torch.zeros(images.n_images, k)
    hits = torch.zeros(k, m, dtype=torch.int64)
    exemplar = torch.zeros(k, m, 2, dtype=torch.int64)
    best = torch.full((k, m), -2.0)
    every = torch.ones(k, m, dtype=torch.bool)
    for rows, x in images.batches(_BATCH, seed=None):
        found, token = similarity(project(x, p), prototypes, every).max(1)
        scores[rows], nearest = found.max(-1)
        hits += torch.nn.functional.one_hot(nearest, m).sum(0)
        value, image = found.max(0)
        better = value > best
        best = torch.where(better, value, best)
        where = torch.stack([rows[image], token.gather(0, image[None])[0]], dim=-1)
        exemplar = torch.where(better[..., None], where, exemplar)
    return Atlas(scores, hits, exemplar)
