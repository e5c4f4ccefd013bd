"""Concepts that do worst, each with images and its map over them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from app import db
from app.format import concept_name, number
from app.widgets import gallery
from data.queries import concept, metrics
from data.queries.build import Bank

SHOWN = 8
"""concepts"""


@db.cached(max_entries=24)
def _cards(
    bank_id: int,
    name: str,
    n_tokens: int,
) -> tuple[list[dict[str, Any]], int, str]:
    con = db.cursor()
    rows = metrics.worst(con, bank_id, name, limit=SHOWN)
    if rows.empty:
        return [], 0, ""
    ids = [int(i) for i in rows["concept_id"]]
    images = metrics.showing(con, bank_id, ids)
    pairs = list(zip(images["concept_id"], images["image_id"], strict=True))
    steps = concept.maps(con, bank_id, pairs, n_tokens=n_tokens)
    groups = [
        gallery.group(
            row,
            images,
            title=concept_name(row["concept"], int(row["concept_id"])),
            lines=_lines(row, name),
            steps=steps,
        )
        for _, row in rows.iterrows()
    ]
    return groups, int(rows["total"].iloc[0]), str(rows["split"].iloc[0])


def _lines(row: pd.Series, name: str) -> list[dict[str, Any]]:
    counted = "classes" if name.startswith("cgim") else "images"
    below = row["value"] < row["chance"]
    part = f" · part {row['part']}" if isinstance(row["part"], str) else ""
    return [
        {
            "text": f"{number(row['value'])} · chance {number(row['chance'])}",
            "wrong": bool(below),
            "title": "below chance" if below else "above chance",
        },
        {"text": f"n {int(row['n']):,} {counted}{part}"},
    ]


def cards(bank: Bank, name: str, *, grid: tuple[int, int], key: str) -> tuple[int | None, int, str]:
    """The concept that was clicked, the number of concepts measured, and on which split."""
    groups, total, split = _cards(bank.bank_id, name, grid[0] * grid[1])
    maps = {"signed": bank.signed, "unit": bank.code_unit, "limit": None}
    opened = gallery.show(groups, key=key, grid=grid, cards=True, maps=maps, side=120)
    return opened, total, split
