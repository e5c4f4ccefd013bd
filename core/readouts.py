"""Heads, and banks that learned classes or words along with their concepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Integer

from core.kinds import Link


@dataclass(frozen=True)
class Head:
    """Linear read-out of concept scores: logits = weight @ scores + bias (+ residual).

    With `residual`, each image also carries a fixed rest that no concept brings: its unedited
    logits minus the linear part at its own scores. Where those are the backbone's, the unedited
    head reproduces the backbone exactly.
    """

    weight: Float[np.ndarray, "y k"]
    bias: Float[np.ndarray, " y"]
    residual: bool = False
    link: Link = "softmax"
    """how its logits become probabilities"""


@dataclass(frozen=True)
class Readout:
    """Of classes from concept scores, learned together with the concepts."""

    head: Head
    classes: Integer[np.ndarray, " y"] | tuple[str, ...]
    """of each row: class as in `FitData.classes`, or its name where the bank is from elsewhere"""
    about: str
    """how it was learned, one sentence for people"""


@runtime_checkable
class ReadsClasses(Protocol):
    """A bank that also learned to tell the classes."""

    @property
    def readout(self) -> Readout | None: ...


@runtime_checkable
class Named(Protocol):
    """A bank whose concepts can be words, and not found or labelled ones."""

    @property
    def names(self) -> tuple[str, ...]: ...


def words_of(bank: object) -> tuple[str, ...]:
    """Names of the concepts where they are words; empty for every other bank."""
    return bank.names if isinstance(bank, Named) else ()
