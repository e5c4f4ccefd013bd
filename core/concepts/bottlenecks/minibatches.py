"""Rows of a train set in shuffled batches, pass after pass, for a given number of steps."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Integer
from torch import Tensor


def minibatches(
    n: int, *, batch: int, steps: int, generator: torch.Generator
) -> Iterator[Integer[Tensor, " b"]]:
    """`steps` batches; the last one of a pass over the rows may be smaller."""
    done = 0
    while done < steps:
        for part in torch.randperm(n, generator=generator).split(batch):
            if done == steps:
                return
            yield part
            done += 1
