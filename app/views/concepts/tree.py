"""Concepts as a tree, with pictures: coarse over fine, or a concept over its parts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, SupportsInt

import pandas as pd
import streamlit as st
from jaxtyping import Int
from numpy import ndarray

from app import db
from app.format import concept_name, number, percent
from app.widgets import assets, crops, minis
from core.counted import counted
from data.queries import concepts, trees
from data.queries.build import Bank

_ELEMENT = st.components.v2.component(
    "lucidarium_tree",
    html='<div class="tree"></div>',
    css=assets.style("tree"),
    js=assets.module("tree"),
)
SIDE = 48
"""px, of a picture in a row"""
PER_PAGE = 24
"""roots"""


def kind(bank_id: int) -> str | None:
    """ "levels": concepts over concepts; "parts": concepts over sub-concepts; None: no tree."""
    con = db.cursor()
    if not trees.tree(con, bank_id).empty:
        return "levels"
    return "parts" if trees.has_parts(con, bank_id) else None


def roots(bank_id: int, ids: Int[ndarray, " n"], *, of: str) -> list[int]:
    """Concepts at the top of the tree of `ids`, in the order shown."""
    if of == "parts":
        return [int(i) for i in ids]
    rows = trees.tree(db.cursor(), bank_id)
    keep = _kept(rows, ids)
    return [int(i) for i in rows.loc[rows["parent_id"].isna(), "concept_id"] if i in keep]


def show(
    bank: Bank, ids: Int[ndarray, " n"], top: Sequence[int], *, of: str, key: str
) -> int | None:
    """Draw the branches of the roots `top`; returns the concept that was clicked."""
    bank_id, chosen = bank.bank_id, tuple(int(i) for i in ids)
    if of == "levels":
        nodes, caption = _levels(bank_id, chosen, tuple(top))
        about = "Share of the parent's codes that come through it; of a root: of all roots' codes"
    else:
        nodes, caption = _parts(bank_id, tuple(top))
        about = "Share of the codes of the concept's parts"
    data = {"nodes": nodes, "caption": caption, "about": about, "key": key, "label": bank.name}
    result = _ELEMENT(data=data, key=key, on_open_change=lambda: None)
    return int(result.open) if result is not None and result.open is not None else None


def _kept(rows: pd.DataFrame, ids: Iterable[SupportsInt]) -> set[int]:
    """The concepts and all that they are part of."""
    parent = {
        int(c): None if pd.isna(p) else int(p)
        for c, p in zip(rows["concept_id"], rows["parent_id"], strict=True)
    }
    keep: set[int] = set()
    for concept in ids:
        at: int | None = int(concept)
        while at is not None and at not in keep:
            keep.add(at)
            at = parent.get(at)
    return keep


@db.cached(max_entries=16)
def _levels(
    bank_id: int,
    ids: tuple[int, ...],
    top: tuple[int, ...],
) -> tuple[list[dict[str, Any]], str]:
    con = db.cursor()
    rows = trees.tree(con, bank_id)
    keep, wanted = _kept(rows, ids), set(ids)
    shown, nodes = set(top), []
    for row in rows.to_dict("records"):  # level by level, so parents come first
        parent = None if pd.isna(row["parent_id"]) else int(row["parent_id"])
        if row["concept_id"] in keep and (row["concept_id"] in shown or parent in shown):
            shown.add(int(row["concept_id"]))
            nodes.append(row | {"parent_id": parent})
    found = concepts.thumbs(con, bank_id, sorted(shown), n=3)
    jpegs = {c: [bytes(t) for t in group["thumb"]] for c, group in found.groupby("concept_id")}
    out = [
        {
            "id": int(row["concept_id"]),
            "parent": row["parent_id"],
            "title": concept_name(row["name"], row["concept_id"]),
            "note": f"#{row['concept_id']} · active in {percent(row['frequency'])} "
            f"({counted(row['n_active'], 'image')})",
            "share": float(row["share"]),
            "src": minis.strip(jpegs.get(row["concept_id"], []), side=SIDE),
            "alt": "its three strongest images",
            "opens": int(row["concept_id"]),
            "dim": row["concept_id"] not in wanted,
        }
        for row in nodes
    ]
    n = int(rows["n"].max()) if len(rows) else 0
    return out, (
        f"Bars: share of the codes of what is above, on {counted(n, 'token')}. Pale: only there "
        "for what is "
        "below it."
    )


@db.cached(max_entries=16)
def _parts(
    bank_id: int,
    top: tuple[int, ...],
) -> tuple[list[dict[str, Any]], str]:
    con = db.cursor()
    facts = concepts.concepts(con, bank_id, top)
    whole = dict(iter(trees.crops(con, bank_id, top, n=3).groupby("concept_id")))
    parts = trees.parts(con, bank_id, top)
    cut = trees.part_crops(con, bank_id, top, n=4).groupby(["concept_id", "sub_id"])
    small = dict(iter(cut))
    out: list[dict[str, Any]] = []
    for row in facts.to_dict("records"):
        c = int(row["concept_id"])
        out.append(
            {
                "id": f"{c}",
                "parent": None,
                "title": concept_name(row["name"], c),
                "note": f"#{c} · active in {percent(row['frequency'])} "
                f"({counted(row['n_active'], 'image')})",
                "share": None,
                "src": crops.strip(whole[c], side=SIDE) if c in whole else None,
                "alt": "its three strongest crops",
                "opens": c,
                "dim": False,
            }
        )
        for part in parts[parts["concept_id"] == c].to_dict("records"):
            at = (c, int(part["sub_id"]))
            out.append(
                {
                    "id": f"{c}.{at[1]}",
                    "parent": f"{c}",
                    "title": f"part {'abcdefghijklmnopqrstuvwxyz'[at[1] % 26]}",
                    "note": f"strongest on {int(part['n_crops']):,} crops · all parts leave out "
                    f"{number(100 * part['error'])} %",
                    "share": float(part["share"]),
                    "src": crops.strip(small[at], side=SIDE) if at in small else None,
                    "alt": "its strongest crops",
                    "opens": c,
                    "dim": False,
                }
            )
    layers = " and ".join(dict.fromkeys(parts["layer"]))
    caption = f"Parts: the concept's strongest crops, factorised again at layer {layers}."
    return out, f"{caption} Bars: share of the parts' codes."
