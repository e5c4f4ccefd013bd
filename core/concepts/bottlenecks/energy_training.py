"""How the three energies of an ECBM are trained; see `core.concepts.bottlenecks.energy`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from einops import einsum
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn.functional import (
    binary_cross_entropy_with_logits,
    cross_entropy,
    normalize,
    one_hot,
)

from core.concepts.bottlenecks.training import Classes, Schedule, generator_of

_COPIES, _SHARE, _FLIPPED = 5, 0.2, 0.2
"""copies of the labels seen with flips, share of them that has any, and of their concepts"""


@dataclass(frozen=True)
class Affine:
    weight: Float[Tensor, "o d"]
    bias: Float[Tensor, " o"]


@dataclass(frozen=True)
class Joint:
    """The global energy, in logits."""

    weight: Float[Tensor, "y k"]
    class_bias: Float[Tensor, " y"]
    concept_bias: Float[Tensor, " k"]
    pair: Float[Tensor, "k k"]


def embed(
    x: Float[Tensor, "n d"],
    labels: Float[Tensor, "n k"],
    classes: Classes,
    *,
    width: int,
    decay: float,
    schedule: Schedule,
    progress: Callable[[str], None],
) -> tuple[Affine, Affine]:
    """Log odds of concepts and logits of classes as affine functions of `x` (standardised).

    Adam, every image in every step; a class of -1 and a NaN label weigh nothing. Raises ValueError
    when training diverges.
    """
    generator = generator_of(schedule)
    k, d = labels.shape[1], x.shape[1]

    def drawn(*shape: int) -> Tensor:
        return (torch.randn(*shape, generator=generator) / math.sqrt(shape[-1])).requires_grad_()

    to_concepts, to_classes = drawn(width, d), drawn(width, d)
    of_concept, of_class = drawn(k, 2, width), drawn(classes.n, width)
    biases = torch.zeros(k, requires_grad=True), torch.zeros(classes.n, requires_grad=True)
    leaves = [to_concepts, to_classes, of_concept, of_class, *biases]
    optimiser = torch.optim.Adam(leaves, lr=schedule.lr)
    known, target = (~labels.isnan()).float(), labels.nan_to_num()
    rows = (classes.rows >= 0).nonzero()[:, 0]

    def affine() -> tuple[Affine, Affine]:
        unit = normalize(of_concept, dim=-1)
        odds = Affine((unit[:, 1] - unit[:, 0]) @ to_concepts, biases[0])
        return odds, Affine(normalize(of_class, dim=-1) @ to_classes, biases[1])

    for step in range(schedule.steps):
        with torch.enable_grad():
            odds, logits = affine()
            concept = binary_cross_entropy_with_logits(
                x @ odds.weight.T + odds.bias, target, known, reduction="sum"
            ) / len(x)
            own = cross_entropy(x[rows] @ logits.weight.T + logits.bias, classes.rows[rows])
            size = odds.weight.square().sum() + logits.weight.square().sum()
            loss = concept + own + decay * size / 2
            optimiser.zero_grad()
            loss.backward()
        optimiser.step()
        if not math.isfinite(loss.item()):
            raise ValueError(f"energy diverged at step {step + 1}; lower lr = {schedule.lr}")
        if step % 50 == 0 or step == schedule.steps - 1:
            progress(
                f"step {step + 1} of {schedule.steps}, concept energies {concept.item():.4f}, "
                f"class energy {own.item():.4f}"
            )
    found = affine()
    return (
        Affine(found[0].weight.detach(), found[0].bias.detach()),
        Affine(found[1].weight.detach(), found[1].bias.detach()),
    )


def joint(
    labels: Float[Tensor, "n k"],
    classes: Classes,
    *,
    ridge: float,
    seed: int,
    progress: Callable[[str], None],
) -> Joint:
    """The global energy by pseudo-likelihood on the labels of images with a class, by L-BFGS."""
    rows, n_classes = (classes.rows >= 0).nonzero()[:, 0], classes.n
    y, known = classes.rows[rows], (~labels[rows].isnan()).float()
    c = _filled(labels[rows], y, n_classes)
    member = one_hot(y, n_classes).float()
    noisy = _flipped(c, seed=seed)
    k = c.shape[1]
    leaves = [torch.zeros(n_classes, k), torch.zeros(n_classes), torch.zeros(k), torch.zeros(k, k)]
    weight, class_bias, concept_bias, free = (t.requires_grad_() for t in leaves)
    optimiser = torch.optim.LBFGS(leaves, max_iter=200, line_search_fn="strong_wolfe")

    def pair() -> Tensor:
        upper = free.triu(1)
        return upper + upper.T

    def loss() -> Tensor:
        optimiser.zero_grad()
        with torch.enable_grad():
            logits = einsum(noisy, weight, "r n k, y k -> r n y") + class_bias
            of_class = cross_entropy(logits.flatten(0, 1), y.repeat(_COPIES))
            field = concept_bias + member @ weight + c @ pair()
            of_concepts = binary_cross_entropy_with_logits(field, c, known, reduction="sum")
            size = sum((t.square().sum() for t in (weight, pair() / 2)), class_bias.square().sum())
            value = of_class + of_concepts / len(c) + ridge * size / 2
        value.backward()
        return value

    progress(f"global energy of {k} concepts and {n_classes} classes")
    optimiser.step(loss)
    with torch.no_grad():
        return Joint(weight.detach(), class_bias.detach(), concept_bias.detach(), pair().detach())


def _filled(
    labels: Float[Tensor, "n k"], classes: Integer[Tensor, " n"], n_classes: int
) -> Float[Tensor, "n k"]:
    """Unknown labels as the concept's share in the class, or over all where the class has none."""
    known = ~labels.isnan()
    overall = labels.nan_to_num().sum(0) / known.sum(0).clamp_min(1)
    member = one_hot(classes, n_classes).float()
    shown, seen = member.T @ labels.nan_to_num(), member.T @ known.float()
    share = torch.where(seen > 0, shown / seen.clamp_min(1), overall)
    return torch.where(known, labels, share[classes])


def _flipped(c: Float[Tensor, "n k"], *, seed: int) -> Float[Tensor, "r n k"]:
    generator = torch.Generator().manual_seed(seed)
    some = torch.rand(_COPIES, len(c), 1, generator=generator) < _SHARE
    these = torch.rand(_COPIES, *c.shape, generator=generator) < _FLIPPED
    return torch.where(some & these, 1 - c, c.expand(_COPIES, *c.shape))
