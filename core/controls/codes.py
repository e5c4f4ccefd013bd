"""Directions that stand in a bank's place, and the codes that they give every token."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Integer
from torch import Tensor

_SMALLEST = 1e-12
"""width of a piece that is divided by at least"""


@runtime_checkable
class Encoder(Protocol):
    """A rule that gives every token the codes of control directions."""

    def encode(self, along: Float[Tensor, "*n k"]) -> Float[Tensor, "*n k"]:
        """Codes from projections on the directions; may change them in place."""
        ...

    def part(self, ids: Integer[np.ndarray, " j"]) -> Encoder: ...


@dataclass(frozen=True)
class Affine:
    """Signed codes."""

    gain: Float[Tensor, " k"]
    shift: Float[Tensor, " k"]

    def encode(self, along: Float[Tensor, "*n k"]) -> Float[Tensor, "*n k"]:
        return along.mul_(self.gain).add_(self.shift)

    def part(self, ids: Integer[np.ndarray, " j"]) -> Affine:
        return Affine(self.gain[ids], self.shift[ids])


@dataclass(frozen=True)
class Beyond:
    """Codes that are how far a projection lies beyond a threshold, else 0."""

    threshold: Float[Tensor, " k"]

    def encode(self, along: Float[Tensor, "*n k"]) -> Float[Tensor, "*n k"]:
        return along.sub_(self.threshold).relu_()

    def part(self, ids: Integer[np.ndarray, " j"]) -> Beyond:
        return Beyond(self.threshold[ids])


@dataclass(frozen=True)
class Quantiles:
    """Codes that lie between knots, and rise with the projection; 0 up to the first knot."""

    at: Float[Tensor, "k q"]
    """projections, ascending; infinite where a concept is never on"""
    code: Float[Tensor, "k q"]

    def encode(self, along: Float[Tensor, "*n k"]) -> Float[Tensor, "*n k"]:
        values, q = along.view(-1), self.at.shape[1]
        on = along.view(-1, along.shape[-1]) > self.at[:, 0]
        place = torch.nonzero(on.view(-1))[:, 0]
        value, left = values.take(place), place.remainder(len(self.at)).mul_(q)
        at, code = self.at.view(-1), self.code.view(-1)
        left += sum(value > at.take(left + j) for j in range(1, q - 1))
        slope = (code[1:] - code[:-1]) / (at[1:] - at[:-1]).clamp_min(_SMALLEST)
        slope = torch.nn.functional.pad(slope, (0, 1))
        values.zero_()
        values.put_(place, code.take(left) + slope.take(left) * (value - at.take(left)))
        return along

    def part(self, ids: Integer[np.ndarray, " j"]) -> Quantiles:
        return Quantiles(self.at[ids], self.code[ids])


@dataclass(frozen=True)
class Control:
    """Directions in a bank's place and the codes that they give."""

    directions: Float[Tensor, "k d"]
    encoder: Encoder

    def encode(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        return self.encoder.encode(torch.nn.functional.linear(x, self.directions))

    @property
    def affine(self) -> bool:
        """Whether the mean of codes is the code of the mean."""
        return isinstance(self.encoder, Affine)

    def part(self, ids: Integer[np.ndarray, " j"]) -> Control:
        return replace(self, directions=self.directions[ids], encoder=self.encoder.part(ids))


@runtime_checkable
class Rebuilds(Protocol):
    """Control directions that rebuild tokens."""

    @property
    def directions(self) -> Float[Tensor, "k d"]: ...

    def codes(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]: ...

    def cls_codes(self, cls: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        """Of CLS tokens, where the bank's scores are read from them."""
        ...

    def rebuilt(self, codes: Float[Tensor, "*n k"]) -> Float[Tensor, "*n d"]: ...


@dataclass(frozen=True)
class Dictionary:
    """Rebuilds tokens with the codes that a control gives them."""

    control: Control
    centre: Float[Tensor, " d"]
    """added to what its codes rebuild"""
    gain: float
    """factor of every code; with it they rebuild train tokens best"""
    of_cls: Control | None = None
    """the same directions with codes for CLS tokens"""

    @property
    def directions(self) -> Float[Tensor, "k d"]:
        return self.control.directions

    def codes(self, x: Float[Tensor, "*n d"]) -> Float[Tensor, "*n k"]:
        return self.control.encode(x).mul_(self.gain)

    def cls_codes(self, cls: Float[Tensor, "n d"]) -> Float[Tensor, "n k"]:
        assert self.of_cls is not None, "the bank's scores are read from CLS tokens"
        return self.of_cls.encode(cls).mul_(self.gain)

    def rebuilt(self, codes: Float[Tensor, "*n k"]) -> Float[Tensor, "*n d"]:
        return codes @ self.directions + self.centre


def best_gain(x: Float[Tensor, "n d"], y: Float[Tensor, "n d"]) -> float:
    """The factor of y that leaves least of x; 1 where y is nothing."""
    size = float(y.double().square().sum())
    return float((x.double() * y.double()).sum()) / size if size else 1.0
