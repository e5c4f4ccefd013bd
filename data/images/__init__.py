"""Image files: what is read, how it becomes upright RGB, and masks as run lengths."""

from data.images.reading import (
    UnusableImage,
    decode_image,
    encode_jpeg,
    from_runs,
    open_image,
    open_mask,
    runs,
)

__all__ = [
    "UnusableImage",
    "decode_image",
    "encode_jpeg",
    "from_runs",
    "open_image",
    "open_mask",
    "runs",
]
