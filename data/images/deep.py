"""Pixels of more than 8 bits: from which values they are black and white, the same for a data set.

Cameras and scanners write 10, 12 or 14 bits into files of 16, so that dividing by 65,535 would
leave a few grey levels; and a scale of each image's own would hide what sets images apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from data.images.files import UnusableImage

_MOST = 65_535


@dataclass(frozen=True)
class Depth:
    """What the deep images of a data set have in common."""

    bits: int | None = None
    """in use of 16, where values are whole numbers from 0 to 65,535; None: of each image its own"""
    span: tuple[float, float] | None = None
    """least and largest of all other values; None: of each image its own"""


def joined(depths: Iterable[Depth]) -> Depth:
    """One that fits all of them."""
    some = list(depths)
    bits = [d.bits for d in some if d.bits is not None]
    spans = [d.span for d in some if d.span is not None]
    return Depth(
        max(bits, default=None),
        (min(low for low, _ in spans), max(high for _, high in spans)) if spans else None,
    )


def depth_of(values: np.ndarray) -> Depth:
    """Of one image. Raises UnusableImage where a value is not finite."""
    if not np.isfinite(values).all():
        raise UnusableImage("it holds values that are not finite numbers")
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind in "iub" and low >= 0 and high <= _MOST:
        return Depth(bits=max(8, int(high).bit_length()))
    return Depth(span=(low, high))


def to_eight_bits(values: np.ndarray, depth: Depth) -> tuple[UInt8[np.ndarray, "*n"], str]:
    """The values in steps of 8 bits, and what was done in words.

    Raises UnusableImage where a value is not finite.
    """
    own = depth_of(values)
    if own.bits is not None:
        bits, by = depth.bits or own.bits, " by the data set" if depth.bits else ""
        low, high = 0.0, float(2**bits - 1)
        note = f"{bits} of 16 bits in use{by}, reduced to 8"
    else:
        assert own.span is not None
        low, high = depth.span or own.span
        note = f"values from {low:g} to {high:g}{' of the data set' if depth.span else ''} spread "
        note += "over 0 to 255"
    share = (values.astype(np.float32) - np.float32(low)) / np.float32((high - low) or 1.0)
    return np.clip(np.round(share * 255), 0, 255).astype(np.uint8), note
