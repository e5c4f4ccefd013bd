"""What an importance method is given and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

Function = Callable[[Float[Tensor, "n k"]], Float[Tensor, " n"]]
"""Concept scores of images to the one number a row that is explained, a logit."""


@dataclass(frozen=True)
class LinearLogit:
    """A logit that is a weighted sum of scores, as every head's is."""

    weight: Float[Tensor, " k"]
    offset: float = 0.0

    def __call__(self, scores: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
        return torch.mv(scores, self.weight) + self.offset


@dataclass(frozen=True)
class Method:
    run: Callable[..., Float[Tensor, "n k"]]
    """(function, scores, *, seed) to the importance of every concept on every image"""
    title: str
    """the method's name for people"""
    signed: bool
    """evidence against is negative"""
    unit: str
    about: str
    """one sentence for people: what a value says"""
    linear_only: bool = False
    """explains a `LinearLogit` and nothing else"""
    costly: bool = False
    """asks a function that is not linear so often that only few concepts of an image can be run"""
