"""python -m data.images.decoder SECONDS: the process that `data.images.bounded` asks."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from data.images import bounded
from data.images.decoding import decoded
from data.images.deep import Depth, depth_of
from data.images.masks import mask_of
from data.images.reading import decode_image


def image(content: bytes, *, bits: int | None, span: list[float] | None) -> Any:
    depth = Depth(bits, (span[0], span[1]) if span else None)
    made, note = decode_image(content, depth)
    return {"size": made.size, "note": note}, made.tobytes()


def depth(content: bytes) -> Any:
    deep = decoded(content).deep
    found = Depth() if deep is None else depth_of(deep)
    return {"bits": found.bits, "span": found.span}, b""


def mask(content: bytes) -> Any:
    made = mask_of(content)
    return {"shape": made.shape}, np.packbits(made).tobytes()


if __name__ == "__main__":
    bounded.serve({"image": image, "depth": depth, "mask": mask}, int(sys.argv[1]))
