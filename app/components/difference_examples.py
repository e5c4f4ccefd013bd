"""Images of both sets that show a concept most, side by side, with its map."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import db
from app.components import gallery
from app.components.format import concept_name, number, short
from app.components.image_sets import ImageSet, members
from data.queries import comparing as ask
from data.queries import concept as one

EACH = 6
"""images a set and concept"""


@st.cache_data(max_entries=24, show_spinner=False)
def groups(
    key: tuple[str, int],
    bank_id: int,
    rows: pd.DataFrame,
    a: ImageSet,
    b: ImageSet,
    *,
    names: tuple[str, str],
    classes: dict[int, str] | None,
    n_tokens: int,
) -> list[dict[str, Any]]:
    """Two groups a concept, set A and set B. With `classes` (names by id) only images of the class
    in which the concept differs most, from strongest to weakest."""
    con = db.cursor()
    out: list[dict[str, Any]] = []
    for _, row in rows.iterrows():
        concept_id = int(row["concept_id"])
        name = short(concept_name(row["name"], concept_id), 40)
        for side, chosen, what in (("a", a, names[0]), ("b", b, names[1])):
            ids, labels, _ = members(key, chosen)
            where = what
            if classes is not None:
                ids = ids[labels == int(row["class_id"])]
                where = f"{short(classes[int(row['class_id'])], 30)}, {what}"
            shown = ask.shown(
                con, bank_id, concept_id, image_ids=ids, most=EACH, spread=classes is not None
            )
            pairs = [(concept_id, int(i)) for i in shown["image_id"]]
            steps = one.maps(con, bank_id, pairs, n_tokens=n_tokens) if pairs else {}
            share = f"active on {number(100 * row[f'active_{side}'])} % of the set, mean "
            out.append(
                {
                    "id": concept_id,
                    "title": f"{name} · {side.upper()}: {where}",
                    "note": f"{len(shown)} of {len(ids):,}, from the strongest to the weakest"
                    if classes is not None
                    else f"{share}{number(row[f'energy_{side}'])}",
                    "about": "Images at even steps of the rank by score"
                    if classes is not None
                    else "Images with the largest score, only where it is positive",
                    "scale": float(row["map_scale"]),
                    "limit": float(row["peak_p99"]),
                    "lines": [],
                    "items": [
                        gallery.item(
                            item,
                            lines=_lines(item),
                            steps=steps.get((concept_id, int(item["image_id"]))),
                        )
                        for _, item in shown.iterrows()
                    ],
                }
            )
    return out


def _lines(row: pd.Series) -> list[dict[str, Any]]:
    label = row["class"] if isinstance(row["class"], str) else "unlabelled"
    guess = f"; the backbone says {row['predicted']}" if isinstance(row["predicted"], str) else ""
    wrong = not pd.isna(row["correct"]) and not bool(np.bool_(row["correct"]))
    return [
        {"text": number(float(row["score"])), "title": "score: its codes in one number"},
        {
            "text": ("✗ " if wrong else "") + label,
            "title": f"label: {label}{guess}; split {row['split']}; {row['file']}",
            "wrong": wrong,
        },
    ]
