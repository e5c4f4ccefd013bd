"""The images on a plane, as laid out when the store was built; and the nearest of one."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app import address, db
from app.format import number, short
from app.widgets import cluster, gallery, minis, palette
from core.counted import counted
from data.queries import layouts

BY = {"class": "Class", "split": "Split", "right": "Right or wrong"}
TRUST = (
    "Trustworthiness, 0 to 1: how far the {n_neighbours} nearest on the plane are near in the space"
    " of activations too, over {n} points (Venna & Kaski 2001). {chance} with the places dealt out "
    "at random."
)


def trust(bank_id: int | None) -> tuple[str, str] | None:
    """A phrase on how far a layout can be trusted, and what that means; None: not measured."""
    row = layouts.trust(db.cursor(), bank_id)
    if row is None:
        return None
    about = TRUST.format(n_neighbours=row.n_neighbours, n=f"{row.n:,}", chance=number(row.chance))
    words = f"trustworthiness {number(row.trustworthiness)} (by chance {number(row.chance)})"
    return words, about


@db.cached(max_entries=8, spinner="Laying out")
def _points() -> pd.DataFrame:
    rows = layouts.images(db.cursor())
    rows["src"] = [minis.strip([bytes(t)], side=72) for t in rows["thumb"]]
    right = rows["correct"].astype("boolean")
    rows["right"] = right.map({True: "right", False: "wrong"}).fillna(
        "not judged: no label that the model knows"
    )
    rows["class"] = rows["class"].fillna("unlabelled")
    return rows.drop(columns=["thumb"])


def payload(rows: pd.DataFrame, *, by: str) -> dict[str, Any]:
    """Points with their thumbs; the groups that get a colour are the largest, in name order."""
    counts = rows[by].value_counts()
    coloured = sorted(counts.index[: len(palette.GROUPS)], key=str)
    number_of = {name: i for i, name in enumerate(coloured)}
    legend: list[dict[str, Any]] = [
        {"id": i, "concept": None, "name": str(name), "n": int(counts[name]), "colour": colour}
        for (name, i), colour in zip(number_of.items(), palette.GROUPS, strict=False)
    ]
    legend += cluster.others(legend, len(rows), name="others")
    points = []
    for row in rows.to_dict("records"):
        wrong = row["right"] == "wrong"
        guess = row["predicted"]
        points.append(
            {
                "id": int(row["image_id"]),
                "x": float(row["x"]),
                "y": float(row["y"]),
                "group": number_of.get(row[by], -1),
                "name": short(str(row["class"]), 60),
                "src": row["src"],
                "wrong": wrong and by == "right",
                "about": f"{'✗ ' if wrong else ''}most probable to the backbone: {guess}"
                if isinstance(guess, str)
                else "",
                "where": f"{row['split']}, image {int(row['image_id'])}",
            }
        )
    return {
        "points": points,
        "legend": legend,
        "title": "Images on a plane",
        "height": 460,
        "radius": 3.6 if len(points) > 400 else 5,
        "unit": None,
    }


def show(*, n_images: int) -> None:
    """The map, with its colours to choose; a click opens the image."""
    rows = _points()
    if rows.empty:
        st.info(
            "This store has no layout of its images: it has fewer than 8, or was built before "
            "layouts were kept. Build it again.",
            icon=":material/info:",
        )
        return
    options = [by for by in BY if rows[by].nunique() > 1] or ["split"]
    by = st.segmented_control(
        "Colour",
        options,
        default=options[0],
        required=True,
        key="image_map_by",
        format_func=lambda b: BY[b],
        label_visibility="collapsed",
    )
    told = trust(None)
    few = (
        f" {len(rows):,} of {counted(n_images, 'image')}, evenly spread."
        if len(rows) < n_images
        else ""
    )
    st.caption(
        "UMAP of the pooled activations: near on the plane means alike to the model; axes have no "
        f"unit, and far distances mean little.{few}" + (f" Its {told[0]}." if told else ""),
        help=told[1] if told else None,
    )
    opened, _ = cluster.show(payload(rows, by=by or options[0]), key=f"image_map-{by}")
    if opened is not None:
        address.open_page("image", i=opened)


def nearest(image_id: int, *, key: str) -> int | None:
    """The images most like one; returns the one that was clicked."""
    rows = layouts.neighbours(db.cursor(), image_id)
    if rows.empty:
        return None
    items = []
    for _, row in rows.iterrows():
        label = row["class"] if isinstance(row["class"], str) else "unlabelled"
        items.append(
            gallery.item(
                row,
                lines=[
                    {"text": number(row["cosine"]), "title": "cosine"},
                    {"text": label, "title": f"label: {label}; {row['file']}"},
                    {"text": row["split"], "title": f"split {row['split']}"},
                ],
            )
        )
    group = {
        "id": 0,
        "title": "Most alike to the model",
        "note": "cosine of pooled activations about their mean",
        "about": "The nearest images of the store, its own altered copies among them",
        "items": items,
    }
    return gallery.show([group], key=key, side=gallery.SIDES["M"])
