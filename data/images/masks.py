"""Masks: read from images, and kept as run lengths."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from jaxtyping import Bool

from data.images.bounded import DECODERS, in_proportion
from data.images.decoding import decoded
from data.images.files import read_bytes


def open_mask(path: Path) -> Bool[np.ndarray, "H W"]:
    """True where a colour channel, grey value or palette number is not zero; alpha is ignored.

    Raises UnusableImage with the reason.
    """
    content = read_bytes(path)
    if in_proportion(content):
        return mask_of(content)
    facts, raw = DECODERS.decode("mask", content)
    h, w = facts["shape"]
    bits = np.frombuffer(raw, dtype=np.uint8)
    return np.unpackbits(bits, count=h * w).reshape(h, w).astype(bool)


def mask_of(content: bytes) -> Bool[np.ndarray, "H W"]:
    """`open_mask` for a file that is already in memory, decoded in this process."""
    found = decoded(content)
    if found.deep is not None:
        pixels = found.deep != 0
    else:
        image = found.picture()
        if image.mode in ("LA", "RGBA", "La", "RGBa", "PA"):
            image = image.convert("RGB" if "RGB" in image.mode else "L")
        pixels = np.asarray(image) != 0
    return pixels.any(axis=2) if pixels.ndim == 3 else pixels


def runs(mask: Bool[np.ndarray, "h w"]) -> list[int]:
    """Run lengths over the row-major mask; the first run is of zeros and may be 0 long."""
    flat = mask.ravel()
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    ends = [0, *edges.tolist(), flat.size]
    lengths = [b - a for a, b in pairwise(ends)]
    return [0, *lengths] if flat.size and flat[0] else lengths


def from_runs(lengths: Sequence[int], *, h: int, w: int) -> Bool[np.ndarray, "h w"]:
    """Raises ValueError when the runs do not fill h x w exactly."""
    counts = np.asarray(lengths, dtype=np.int64)
    if (counts < 0).any() or counts.sum() != h * w:
        raise ValueError(f"runs cover {counts.sum()} pixels, but a {h} x {w} mask has {h * w}")
    return np.repeat(np.arange(len(counts)) % 2 == 1, counts).reshape(h, w)
