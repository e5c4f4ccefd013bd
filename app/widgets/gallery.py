"""Thumbnails in groups or cards, with a concept's map over each, drawn in the browser.

No control of the overlay costs a rerun. Pictures and maps travel as stored: JPEG, and 16-bit
steps with the concept's scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app.widgets import assets, pack

SIDES = {"S": 84, "M": 116, "L": 160}
"""px"""


_ELEMENT = st.components.v2.component(
    "lucidarium_gallery",
    html='<div class="gal"></div>',
    css=assets.style("controls", "gallery"),
    js=assets.module("gallery"),
)


def item(
    row: Mapping[str, Any] | pd.Series,
    *,
    lines: Sequence[Mapping[str, Any]],
    steps: tuple[list[int] | None, list[int]] | None = None,
) -> dict[str, Any]:
    """One picture from a row with image_id, thumb, file and the view box.

    lines: {"text", "title", "wrong"} under it; steps: its map as `queries.concept.maps` gives it.
    """
    box = [float(row[c]) for c in ("view_x0", "view_y0", "view_x1", "view_y1")]
    out: dict[str, Any] = {
        "id": int(row["image_id"]),
        "src": pack.jpeg(bytes(row["thumb"])),
        "alt": f"image {int(row['image_id'])}, {row['file']}",
        "box": box,
        "lines": list(lines),
    }
    if steps is not None:
        out["t"], out["v"] = steps
    return out


def group(
    row: pd.Series,
    pictures: pd.DataFrame,
    *,
    title: str,
    lines: Sequence[Mapping[str, Any]],
    steps: Mapping[tuple[int, int], tuple[list[int] | None, list[int]]],
) -> dict[str, Any]:
    """A concept and those of `pictures` that are its own.

    row: concept_id, map_scale and peak_p99; steps: its maps by concept and image.
    """
    concept = int(row["concept_id"])
    mine = pictures[pictures["concept_id"] == concept]
    return {
        "id": concept,
        "title": title,
        "scale": float(row["map_scale"]),
        "limit": float(row["peak_p99"]),
        "items": [
            item(r, lines=[], steps=steps.get((concept, int(r["image_id"]))))
            for _, r in mine.iterrows()
        ],
        "lines": list(lines),
    }


def show(
    groups: Sequence[Mapping[str, Any]],
    *,
    key: str,
    grid: tuple[int, int] = (1, 1),
    side: int = SIDES["M"],
    cards: bool = False,
    maps: Mapping[str, Any] | None = None,
) -> int | None:
    """Draw; returns the id that was clicked in this run (image, or group when `cards`).

    groups: {"id", "title", "note", "about", "items", "lines", "scale", "limit"}.
    maps: {"signed", "unit", "limit"} switches the overlay and its controls on; limit None says
    that every group has its own.
    """
    data = {
        "groups": [dict(g) for g in groups],
        "grid": list(grid),
        "side": side,
        "cards": cards,
        "maps": maps is not None,
        **({"signed": False, "unit": "", "limit": None} | dict(maps or {})),
    }
    result = _ELEMENT(data=data, key=key, on_open_change=lambda: None)
    opened = result.open if result is not None else None
    return int(opened) if opened is not None else None
