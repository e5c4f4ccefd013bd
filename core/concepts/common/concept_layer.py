"""A concept layer: one affine score per concept, named or labelled, perhaps with its own read-out.

What concept bottleneck models learn or bring along between features and classes. Affine in the
token, so the mean of a map is exactly the score of the pooled activation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Integer, UInt8
from torch import Tensor

from core.concepts.common.stored import Stored
from core.types import Head, Readout


@dataclass(frozen=True)
class Bank(Stored):
    directions: Float[Tensor, "k d"]
    """unit rows"""
    gain: Float[Tensor, " k"]
    """score that a unit of activation along the direction adds"""
    bias: Float[Tensor, " k"]
    read_weight: Float[Tensor, "y k"] | None = None
    """logit per unit of score; None: no classes were learned"""
    read_bias: Float[Tensor, " y"] | None = None
    read_classes: Integer[Tensor, " y"] | None = None
    """None: `class_text` names them"""
    read_about: UInt8[Tensor, " a"] | None = None
    concept_text: UInt8[Tensor, " b"] | None = None
    """None: the concepts are labelled ones"""
    class_text: UInt8[Tensor, " c"] | None = None
    measured: list[dict[str, float]] = field(default_factory=list)
    """of labelled concepts, rows of `core.concepts.bottlenecks.supervised.facts`"""
    signed = True
    offset = None

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        return x @ (self.directions * self.gain[:, None]).T + self.bias

    @property
    def names(self) -> tuple[str, ...]:
        """Of the concepts, where they are words; empty where they are labelled ones."""
        return () if self.concept_text is None else lines_of(self.concept_text)

    @property
    def readout(self) -> Readout | None:
        if self.read_weight is None or self.read_bias is None:
            return None
        ids = self.read_classes
        named = () if self.class_text is None else lines_of(self.class_text)
        about = "" if self.read_about is None else "\n".join(lines_of(self.read_about))
        return Readout(
            Head(self.read_weight.numpy(), self.read_bias.numpy()),
            named if ids is None else ids.numpy(),
            about,
        )


def of(
    weight: Float[np.ndarray, "k d"],
    bias: Float[np.ndarray, " k"],
    *,
    names: tuple[str, ...] = (),
    readout: Readout | None = None,
    measured: list[dict[str, float]] | None = None,
) -> Bank:
    """Score = weight @ x + bias. A concept without weight gets some direction and gain 0."""
    size = np.linalg.norm(weight, axis=1)
    rows = np.where(size[:, None] > 0, weight / np.where(size > 0, size, 1)[:, None], 0.0)
    rows[size == 0, 0] = 1.0
    head = None if readout is None else readout.head
    classes = () if readout is None else readout.classes
    by_name = isinstance(classes, tuple)  # else an array of ids
    return Bank(
        _single(rows),
        _single(size),
        _single(bias),
        read_weight=None if head is None else _single(head.weight),
        read_bias=None if head is None else _single(head.bias),
        read_classes=None if by_name else torch.from_numpy(np.asarray(classes, dtype=np.int64)),
        read_about=None if readout is None else packed((readout.about,)),
        concept_text=packed(names) if names else None,
        class_text=packed(tuple(map(str, classes))) if by_name and classes else None,
        measured=measured or [],
    )


def _single(x: Float[np.ndarray, "*n"]) -> Float[Tensor, "*n"]:
    return torch.from_numpy(np.ascontiguousarray(x, dtype=np.float32))


def packed(lines: tuple[str, ...]) -> UInt8[Tensor, " n"]:
    """Text as a tensor, so that a bank is one file; a line break inside a name becomes a space."""
    text = "\n".join(" ".join(line.split("\n")) for line in lines)
    return torch.from_numpy(np.frombuffer(text.encode(), dtype=np.uint8).copy())


def lines_of(text: UInt8[Tensor, " n"]) -> tuple[str, ...]:
    return tuple(text.numpy().tobytes().decode().split("\n"))
