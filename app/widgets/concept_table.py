"""One page of the concept list as a table, or as cards with maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app import db
from app.format import concept_name, concept_titles, number, percent
from app.widgets import concept_names, defined, gallery, minis, people
from core.catalogue import CONCEPT_COLUMNS, FLAGS
from core.counted import counted
from data.queries import concept, concepts
from data.queries.build import Bank

_FURTHER = {
    "by": concept_names.ABOUT,
    "doubt": concept_names.ABOUT_DOUBTS,
    "flags": "; ".join(f"{name}: {flag.meaning}" for name, flag in FLAGS.items()),
}
"""said after a definition: what the words of the column mean"""
_WIDTHS = {"hint": 230}
"""px of columns whose texts are whole sentences"""
PICTURES = 4


@db.cached(max_entries=32)
def _page(
    bank_id: int,
    ids: tuple[int, ...],
) -> pd.DataFrame:
    con = db.cursor()
    rows = concepts.concepts(con, bank_id, ids)
    found = concepts.thumbs(con, bank_id, ids, n=3)
    jpegs = {c: [bytes(t) for t in group["thumb"]] for c, group in found.groupby("concept_id")}
    rows["pictures"] = [minis.strip(jpegs.get(c, [])) for c in rows["concept_id"]]
    rows["title"] = concept_titles(rows["name"], rows["concept_id"])
    rows["by"] = [concept_names.SOURCES.get(s, (s,))[0] for s in rows["name_source"]]
    for name, known in CONCEPT_COLUMNS.items():
        if known.format == "percent":
            rows[name] = known.scale * rows[name]
    return rows


def table(bank: Bank, ids: Sequence[int], *, order: str, key: str) -> int | None:
    """The rows of `ids`, the column that they are in the order of first; returns the concept whose
    cell was clicked."""
    rows = _page(bank.bank_id, tuple(int(i) for i in ids))
    said = people.marks(bank.name)
    rows["people"] = [said.get(int(c), "") for c in rows["concept_id"]]
    named = ["people"] if any(rows["people"]) else []
    kept = [c for c in CONCEPT_COLUMNS if (rows[c].notna() & (rows[c] != "")).any()]
    kept.sort(key=lambda column: column != order)
    config: dict[str, Any] = {
        "pictures": st.column_config.ImageColumn(
            "Strongest images", width=3 * minis.SIDE + 16, help="The three strongest images"
        ),
        "title": st.column_config.TextColumn("Concept", width="medium", pinned=True),
        "concept_id": st.column_config.NumberColumn("#", width=54, format="%d"),
        "people": defined.column("concept.people", width=75),
    }
    for column in kept:
        known = CONCEPT_COLUMNS[column]
        if column == "frequency":
            config[column] = defined.bar(known, width=118)
            continue
        width = _WIDTHS.get(column, 110 if known.format == "text" else 92)
        config[column] = defined.column(known, about=_FURTHER.get(column, ""), width=width)
    event = defined.table(
        rows,
        key=key,
        hide_index=True,
        row_height=minis.SIDE + 6,
        column_config=config,
        column_order=["pictures", "title", "concept_id", *named, *kept],
        on_select="rerun",
        selection_mode="single-cell",
        placeholder="",
        height=min(640, 42 + (minis.SIDE + 6) * len(rows)),
    )
    return defined.clicked(event, rows["concept_id"])


@db.cached(max_entries=16)
def _cards(
    bank_id: int,
    ids: tuple[int, ...],
    n_tokens: int,
) -> list[dict[str, Any]]:
    con = db.cursor()
    rows = concepts.concepts(con, bank_id, ids)
    found = concepts.thumbs(con, bank_id, ids, n=PICTURES)
    pairs = list(zip(found["concept_id"], found["image_id"], strict=True))
    steps = concept.maps(con, bank_id, pairs, n_tokens=n_tokens)
    return [
        gallery.group(
            row,
            found,
            title=concept_name(row["name"], int(row["concept_id"])),
            lines=_lines(row),
            steps=steps,
        )
        for _, row in rows.iterrows()
    ]


def _lines(row: pd.Series) -> list[dict[str, Any]]:
    """What stands below a card."""
    judged = ""
    if row["name_source"] == "vocabulary":
        judged = f" · word cosine {number(row['cosine'])}"
    elif pd.notna(row["name_auc"]):
        judged = f" · name AUC {number(row['name_auc'])}"
    active = f"active in {percent(row['frequency'])} ({counted(row['n_active'], 'image')})"
    return [
        {"text": f"#{int(row['concept_id'])} · {active}"},
        {"text": f"peak {number(row['peak_p99'])}{judged}"},
    ]


def cards(bank: Bank, ids: Sequence[int], *, grid: tuple[int, int], key: str) -> int | None:
    """The concepts of `ids` as cards; returns the one that was clicked."""
    groups = _cards(bank.bank_id, tuple(int(i) for i in ids), grid[0] * grid[1])
    said = people.marks(bank.name)
    for group in groups:
        if group["id"] in said:
            group["lines"] = [{"text": f"people: {said[group['id']]}"}, *group["lines"]]
    maps = {"signed": bank.signed, "unit": bank.code_unit, "limit": None}
    return gallery.show(groups, key=key, grid=grid, cards=True, maps=maps, side=120)
