"""The strategic cluster graph of a class: its images by what they rest on."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app.format import concept_name, short
from app.widgets import assets, pack, palette
from core.kinds import LOGITS

MOST = 7
"""concepts that get a colour; grey is for all others"""

_ELEMENT = st.components.v2.component(
    "lucidarium_cluster",
    html='<div class="clu"></div>',
    css=assets.style("cluster"),
    js=assets.module("cluster"),
)


def payload(rows: pd.DataFrame, *, title: str, height: int = 430) -> dict[str, Any]:
    """Points with their thumbs, and the concepts that get a colour: those most often on top."""
    counts = rows.loc[rows["concept_id"] >= 0, "concept_id"].value_counts()
    ranked = sorted(counts.index, key=lambda c: (-counts[c], c))[:MOST]
    names = {
        int(c): concept_name(n, int(c))
        for c, n in zip(rows["concept_id"], rows["name"], strict=True)
    }
    legend: list[dict[str, Any]] = [
        {
            "id": int(c),
            "concept": int(c),
            "name": _numbered(names[int(c)], int(c)),
            "n": int(counts[c]),
            "colour": colour,
        }
        for c, colour in zip(ranked, palette.GROUPS, strict=False)
    ]
    legend += others(legend, len(rows), name="other concepts")
    coloured = {entry["id"] for entry in legend}
    points = []
    for row in rows.to_dict("records"):
        concept = int(row["concept_id"])
        label = row["label"] if isinstance(row["label"], str) else None
        wrong = not pd.isna(row["correct"]) and not bool(row["correct"])
        points.append(
            {
                "id": int(row["image_id"]),
                "x": float(row["x"]),
                "y": float(row["y"]),
                "group": concept if concept in coloured else -1,
                "name": short(_numbered(names[concept], concept), 60)
                if concept >= 0
                else "no concept adds to the logit",
                "value": float(row["value"]),
                "src": pack.jpeg(bytes(row["thumb"])),
                "wrong": wrong,
                "about": "unlabelled" if label is None else f"{'✗ ' if wrong else ''}{label}",
                "where": f"{row['split']}, image {int(row['image_id'])}",
            }
        )
    return {
        "points": points,
        "legend": legend,
        "title": title,
        "height": height,
        "radius": 5.5,
        "unit": LOGITS,
    }


def others(legend: list[dict[str, Any]], n: int, *, name: str) -> list[dict[str, Any]]:
    """The grey entry for what is left of n points; none where the legend has them all."""
    rest = n - sum(entry["n"] for entry in legend)
    grey = {"id": -1, "concept": None, "name": name, "n": rest, "colour": palette.REST}
    return [grey] if rest else []


def _numbered(name: str, concept_id: int) -> str:
    return name if name == f"#{concept_id}" else f"{name} #{concept_id}"


def show(data: dict[str, Any], *, key: str) -> tuple[int | None, int | None]:
    """Draw; returns the image and the concept that was clicked in this run."""
    result = _ELEMENT(
        data=data, key=key, on_image_change=lambda: None, on_concept_change=lambda: None
    )
    if result is None:
        return None, None
    image, concept = result.image, result.concept
    return (
        int(image) if image is not None else None,
        int(concept) if concept is not None else None,
    )
