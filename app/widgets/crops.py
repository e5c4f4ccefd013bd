"""Crops cut out of stored pictures, for cells and galleries."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pandas as pd
from PIL import Image

from app.widgets import minis, pack

SIDE = 132
"""px, long side of one crop"""


def cut(row: pd.Series, *, side: int = SIDE) -> bytes:
    """JPEG of the part x0, y0, x1, y1 (fractions; what lies outside stays grey) of `picture`."""
    with Image.open(BytesIO(bytes(row["picture"])), formats=("JPEG",)) as picture:
        w, h = picture.size
        box = [row["x0"] * w, row["y0"] * h, row["x1"] * w, row["y1"] * h]
        left, top, right, bottom = (round(float(v)) for v in box)
        part = picture.convert("RGB").crop((left, top, max(right, left + 1), max(bottom, top + 1)))
    factor = side / max(part.size)
    part = part.resize((max(1, round(part.width * factor)), max(1, round(part.height * factor))))
    buffer = BytesIO()
    part.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def strip(rows: pd.DataFrame, *, side: int) -> str | None:
    """All crops side by side, as one data URI."""
    return minis.strip([cut(row, side=2 * side) for _, row in rows.iterrows()], side=side)


def item(row: pd.Series, *, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """One crop, as `gallery.show` takes pictures; a click names its image."""
    return {
        "id": int(row["image_id"]),
        "src": pack.jpeg(cut(row)),
        "alt": f"crop of image {int(row['image_id'])}",
        "box": [0.0, 0.0, 1.0, 1.0],
        "lines": lines,
    }
