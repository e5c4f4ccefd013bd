"""Image files: what is read, how it becomes upright RGB, and masks as run lengths."""

from data.images.deep import Depth
from data.images.files import SUFFIXES, UnusableImage, why_no_image
from data.images.masks import from_runs, open_mask, runs
from data.images.reading import decode_image, depth_of_all, encode_jpeg, open_image

__all__ = [
    "SUFFIXES",
    "Depth",
    "UnusableImage",
    "decode_image",
    "depth_of_all",
    "encode_jpeg",
    "from_runs",
    "open_image",
    "open_mask",
    "runs",
    "why_no_image",
]
