"""Small pictures for table cells: thumbnails cut square and set side by side, as JPEG."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

from PIL import Image, ImageOps

from app.widgets import pack

SIDE = 56
"""px"""


def strip(jpegs: Sequence[bytes], *, side: int = SIDE) -> str | None:
    """One data URI for all; None when there is no picture."""
    if not jpegs:
        return None
    out = Image.new("RGB", (len(jpegs) * side, side))
    for i, jpeg in enumerate(jpegs):
        with Image.open(BytesIO(jpeg), formats=("JPEG",)) as picture:
            # the decoder skips what a smaller size does not need
            picture.draft("RGB", (2 * side, 2 * side))
            tile = ImageOps.fit(picture.convert("RGB"), (side, side))
        out.paste(tile, (i * side, 0))
    buffer = BytesIO()
    out.save(buffer, "JPEG", quality=78)
    return pack.jpeg(buffer.getvalue())
