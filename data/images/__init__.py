"""Image files: what is read, how it becomes upright RGB, and masks as run lengths."""

from data.images.deep import Depth
from data.images.files import (
    MAX_BYTES,
    SUFFIXES,
    UnusableImage,
    format_of,
    why_no_image,
)
from data.images.masks import from_runs, open_mask, runs
from data.images.reading import decode_image, depth_of_all, encode_jpeg, open_image

__all__ = [
    "MAX_BYTES",
    "SUFFIXES",
    "Depth",
    "UnusableImage",
    "decode_image",
    "depth_of_all",
    "encode_jpeg",
    "format_of",
    "from_runs",
    "open_image",
    "open_mask",
    "runs",
    "why_no_image",
]
