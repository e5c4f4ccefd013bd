"""How a concept layer and a linear read-out are trained: Adam on shuffled batches, annealed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Integer
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

_SAY = 100
"""steps between two words on progress"""


class Schedule(NamedTuple):
    steps: int
    batch: int
    """images a step"""
    lr: float
    seed: int


class Classes(NamedTuple):
    rows: Integer[Tensor, " n"]
    """class of each train image, 0 to `n` - 1; -1: unlabelled"""
    n: int
    several: Float[Tensor, "n y"] | None = None
    """in place of `rows`, labels of which an image can carry several: 1, 0, NaN unknown"""


def generator_of(schedule: Schedule) -> torch.Generator:
    """Draws the starting values first, then what `descend` needs."""
    return torch.Generator().manual_seed(schedule.seed)


def starting_readout(n_classes: int, k: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Starting values of a linear layer from k concepts to classes."""
    return {
        "read_weight": torch.randn(n_classes, k, generator=generator) / math.sqrt(k),
        "read_bias": torch.zeros(n_classes),
    }


def class_loss(
    p: Mapping[str, Tensor],
    scores: Float[Tensor, "b k"],
    classes: Classes,
    part: Integer[Tensor, " b"],
) -> Tensor | float:
    """Cross-entropy of the classes that the read-out in `p` reads, on the images `part`.

    Of labels of which an image can carry several, the binary cross-entropy, mean over those that
    are known. 0 without a labelled image.
    """
    logits = scores @ p["read_weight"].T + p["read_bias"]
    if classes.several is not None:
        y = classes.several[part]
        known = ~y.isnan()
        if not known.any():
            return 0.0
        return binary_cross_entropy_with_logits(logits[known], y[known])
    rows = classes.rows[part]
    labelled = rows >= 0
    if not labelled.any():
        return 0.0
    return cross_entropy(logits[labelled], rows[labelled])


def descend(
    p: Mapping[str, Tensor],
    loss: Callable[[Integer[Tensor, " b"]], Tensor],
    n: int,
    *,
    schedule: Schedule,
    generator: torch.Generator,
    progress: Callable[[str], None],
    title: str,
) -> dict[str, Tensor]:
    """`p` after training; `loss` is asked for batches of rows of the n images and may draw too.

    What the loss does not use stays as it is. Raises ValueError when the loss is no longer finite.
    """
    optimiser = torch.optim.Adam([t.requires_grad_() for t in p.values()], lr=schedule.lr)
    annealed = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, schedule.steps)
    parts = minibatches(n, batch=schedule.batch, steps=schedule.steps, generator=generator)
    for step, part in enumerate(parts, start=1):
        with torch.enable_grad():
            value = loss(part)
            optimiser.zero_grad()
            value.backward()
        optimiser.step()
        annealed.step()
        if not math.isfinite(value.item()):
            raise ValueError(f"{title} diverged at step {step}; lower lr = {schedule.lr}")
        if step % _SAY == 0 or step == schedule.steps:
            progress(f"step {step} of {schedule.steps}, loss {value.item():.4g}")
    return {name: t.detach() for name, t in p.items()}


def minibatches(
    n: int, *, batch: int, steps: int, generator: torch.Generator
) -> Iterator[Integer[Tensor, " b"]]:
    """`steps` batches, pass after pass; the last one of a pass over the rows may be smaller."""
    done = 0
    while done < steps:
        for part in torch.randperm(n, generator=generator).split(batch):
            if done == steps:
                return
            yield part
            done += 1
