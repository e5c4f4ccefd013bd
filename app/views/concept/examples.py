"""Images of a concept from strongest to absent, as the gallery takes them."""

from __future__ import annotations

from typing import Any

import pandas as pd

from app import db
from app.format import number
from app.widgets import gallery
from data.queries import concept


@db.cached(max_entries=48)
def groups(
    bank_id: int,
    concept_id: int,
    *,
    grid: tuple[int, int],
    scale: float,
    limit: float,
    unit: str,
) -> list[dict[str, Any]]:
    """Every group with its edges, its size and the images kept of it."""
    con = db.cursor()
    named = concept.example_groups(con, bank_id, concept_id)
    rows = concept.examples(con, bank_id, concept_id)
    images = dict.fromkeys(int(i) for i in rows["image_id"])
    steps = concept.maps(
        con, bank_id, [(concept_id, i) for i in images], n_tokens=grid[0] * grid[1]
    )
    out = []
    for _, group in named.iterrows():
        mine = rows[rows["group_id"] == group["group_id"]]
        n = int(group["n"])
        kept = f", {len(mine)} shown" if len(mine) < n else ""
        out.append(
            {
                "id": int(group["group_id"]),
                "title": str(group["name"]).capitalize(),
                "note": f"score {number(group['lo'])} to {number(group['hi'])} · "
                f"{n:,} image{'s' if n != 1 else ''}{kept}",
                "about": f"Scores of the group lie in this range ({unit})",
                "scale": scale,
                "limit": limit,
                "lines": [],
                "items": [
                    gallery.item(
                        row,
                        lines=_lines(row, unit=unit, columns=grid[1]),
                        steps=steps.get((concept_id, int(row["image_id"]))),
                    )
                    for _, row in mine.iterrows()
                ],
            }
        )
    return out


def _lines(row: pd.Series, *, unit: str, columns: int) -> list[dict[str, Any]]:
    token = int(row["peak_token"])
    score = {
        "text": number(row["score"]),
        "title": f"score {number(row['score'])} ({unit}), over all tokens; peak "
        f"{number(row['peak'])} at row {token // columns}, "
        f"column {token % columns}",
    }
    label = row["class"] if isinstance(row["class"], str) else None
    guess = row["predicted"] if isinstance(row["predicted"], str) else None
    wrong = label is not None and guess is not None and row["correct"] is False
    said = f"; most probable to the backbone: {guess} ({number(row['prob'])})" if guess else ""
    return [
        score,
        {
            "text": ("✗ " if wrong else "") + (label or "unlabelled"),
            "title": f"label: {label or 'none'}{said}; split {row['split']}; {row['file']}",
            "wrong": bool(wrong),
        },
    ]
