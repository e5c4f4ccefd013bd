"""What a concept is made of: its place in a tree, crops, parts; and what its score is from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import address, db
from app.format import concept_name, number, percent, plain, short
from app.widgets import crops, gallery, pack
from core.counted import counted
from data.queries import trees
from data.queries.build import Bank
from data.queries.methods import Method, methods

CODES = "codes"
OF_CODES = Method("Codes", "Where the layer carries the concept: the code at every token.")
SIDE = 84
"""px"""


def lineage(bank_id: int, concept_id: int, *, bank_name: str) -> None:
    """One line: what it is part of, and its own parts, each a link."""
    above, below = trees.lineage(db.cursor(), bank_id, concept_id)
    if above.empty and below.empty:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for title, rows in (("Part of", above), ("Parts", below)):
            if rows.empty:
                continue
            st.caption(
                title,
                help="Shares of the parent's codes that come through the part, on held-out tokens",
                width="content",
            )
            for row in rows.to_dict("records"):
                name = concept_name(row["name"], row["concept_id"])
                share = "" if title == "Part of" else f" · {percent(row['share'])}"
                address.link(
                    plain(short(name, 30)) + share, "concept", b=bank_name, c=row["concept_id"]
                )


def show(bank_id: int, concept_id: int, *, unit: str) -> int | None:
    """Crops of the concept and of its parts; returns the image that was clicked."""
    groups = _groups(bank_id, concept_id, unit)
    if not groups:
        return None
    with st.expander(f"Crops and parts ({len(groups) - 1})", expanded=True, key="parts"):
        return gallery.show(groups, key=f"parts-{bank_id}-{concept_id}", side=SIDE)


@db.cached(max_entries=32)
def _groups(
    bank_id: int,
    concept_id: int,
    unit: str,
) -> list[dict[str, Any]]:
    con = db.cursor()
    whole = trees.crops(con, bank_id, [concept_id], n=6)
    if whole.empty:
        return []
    parts = trees.parts(con, bank_id, [concept_id])
    small = trees.part_crops(con, bank_id, [concept_id], n=6)
    out = [
        {
            "id": 0,
            "title": "Strongest crops",
            "note": "what the model saw alone, enlarged; one of each train image",
            "about": f"By the code of the crop's mean token ({unit})",
            "items": [_item(row, unit=unit) for _, row in whole.iterrows()],
        }
    ]
    for part in parts.to_dict("records"):
        mine = small[small["sub_id"] == part["sub_id"]]
        out.append(
            {
                "id": int(part["sub_id"]) + 1,
                "title": f"Part {'abcdefghijklmnopqrstuvwxyz'[int(part['sub_id']) % 26]}",
                "note": f"{percent(part['share'])} of the parts' codes · strongest on "
                f"{int(part['n_crops']):,} crops",
                "about": f"The concept's strongest crops factorised again at layer "
                f"{part['layer']}; all parts leave out {percent(part['error'])} there "
                "(relative error)",
                "items": [
                    _item(row, unit=f"at layer {part['layer']}") for _, row in mine.iterrows()
                ],
            }
        )
    return out


def _item(row: pd.Series, *, unit: str) -> dict[str, Any]:
    code = number(row["code"])
    return crops.item(row, lines=[{"text": code, "title": f"code {code} ({unit})"}])


def choose_map(bank_id: int, concept_id: int) -> tuple[str, pd.DataFrame]:
    """What the maps on the images show, from the address; offered where there is a choice."""
    rows = trees.attributions(db.cursor(), bank_id, concept_id)
    offered: list[str] = [CODES, *dict.fromkeys(str(m) for m in rows["method"])]
    if len(offered) == 1:
        return CODES, rows
    asked = address.param("m")
    method = asked if asked is not None and asked in offered else CODES
    known = {**methods(db.cursor(), "saliency"), CODES: OF_CODES}
    address.follow("map_of", method)
    st.segmented_control(
        "Maps show",
        offered,
        key="map_of",
        required=True,
        on_change=address.write,
        args=("m", "map_of"),
        format_func=lambda m: plain(known[m].title),
        label_visibility="collapsed",
        help=plain(known[method].about),
    )
    return method, rows[rows["method"] == method]


def attributed(rows: pd.DataFrame, *, key: str, method: str, unit: str) -> int | None:
    """The strongest images with attribution maps; returns the one that was clicked."""
    if rows.empty:
        return None
    first = rows.iloc[0]
    grid = (int(first["map_h"]), int(first["map_w"]))
    values = [
        np.asarray(v, dtype=np.float64) * s
        for v, s in zip(rows["value"], rows["scale"], strict=True)
    ]
    limit = float(np.quantile(np.abs(np.concatenate(values)), 0.99))
    known = methods(db.cursor(), "saliency")[method]
    items = []
    for (_, row), value in zip(rows.iterrows(), values, strict=True):
        total = number(float(value.sum()))
        label = row["class"] if isinstance(row["class"], str) else "unlabelled"
        lines = [
            {
                "text": f"{number(row['score'])} · Σ {total}",
                "title": f"score {number(row['score'])}; the map adds up to {total}, "
                f"both in {unit}",
            },
            {"text": label, "title": f"{label}; {row['file']}"},
        ]
        steps = (None, [int(v) for v in row["value"]])
        items.append(gallery.item(row, lines=lines, steps=steps))
    group = {
        "id": 0,
        "title": f"Strongest images by {known.title}",
        "note": f"{counted(len(rows), 'image')} · one scale for all",
        "about": known.about,
        "scale": float(first["scale"]),
        "limit": limit,
        "lines": [],
        "items": items,
    }
    maps = {"signed": bool(first["signed"]), "unit": f"{unit} a cell", "limit": limit}
    return gallery.show([group], key=key, grid=grid, side=gallery.SIDES["L"], maps=maps)


def on_image(bank: Bank, image_id: int) -> list[dict[str, Any]]:
    """Such maps of one image, as the Image page takes saliency maps."""
    rows = trees.attributed_concepts(db.cursor(), bank.bank_id, image_id)
    known = methods(db.cursor(), "saliency")
    return [
        {
            "method": f"{row['method']} #{row['concept_id']}",
            "signed": bool(row["signed"]),
            "unit": f"{bank.code_unit} a cell",
            "title": f"{known[row['method']].title} #{row['concept_id']}",
            "about": known[row["method"]].about,
            "cls": f"concept {concept_name(row['name'], row['concept_id'])}",
            "h": int(row["map_h"]),
            "w": int(row["map_w"]),
            "scale": float(row["scale"]),
            "values": pack.steps(np.asarray(row["value"])),
        }
        for row in rows.to_dict("records")
    ]
