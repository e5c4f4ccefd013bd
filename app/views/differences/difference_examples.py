"""Images of both sets that show a concept most, side by side, with its map."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from app import db
from app.format import number, short, signed, with_id
from app.views.differences.set_choice import ImageSet, members
from app.widgets import gallery
from data.queries import comparing, concept

EACH = 6
"""images a set and concept"""


@db.cached(max_entries=24)
def groups(
    bank_id: int,
    rows: pd.DataFrame,
    a: ImageSet,
    b: ImageSet,
    *,
    names: tuple[str, str],
    classes: dict[int, str] | None,
    n_tokens: int,
) -> list[dict[str, Any]]:
    """Two groups a row, set A and set B. With `classes` (names by id) only images of the class that
    the row's `side` names (see `compared.frame`), from strongest to weakest."""
    con = db.cursor()
    out: list[dict[str, Any]] = []
    for _, row in rows.iterrows():
        concept_id = int(row["concept_id"])
        name = short(with_id(row["name"], concept_id, source=row["name_source"]), 40)
        for side, chosen, what in (("A", a, names[0]), ("B", b, names[1])):
            ids, labels, _ = members(chosen)
            if classes is not None:
                class_id = int(row[f"class_{row['side']}"])
                ids, what = ids[labels == class_id], f"{short(classes[class_id], 30)}, {what}"
            shown = comparing.shown(
                con, bank_id, concept_id, image_ids=ids, most=EACH, spread=classes is not None
            )
            pairs = [(concept_id, int(i)) for i in shown["image_id"]]
            steps = concept.maps(con, bank_id, pairs, n_tokens=n_tokens) if pairs else {}
            items = [
                gallery.item(
                    item, lines=_lines(item), steps=steps.get((concept_id, int(item["image_id"])))
                )
                for _, item in shown.iterrows()
            ]
            note, about = _words(row, side, len(ids), of_class=classes is not None)
            out.append(
                {
                    "id": concept_id,
                    "title": f"{name} · {side}: {what}",
                    "note": note,
                    "about": about,
                    "scale": float(row["map_scale"]),
                    "limit": float(row["peak_p99"]),
                    "lines": [],
                    "items": items,
                }
            )
    return out


def _words(row: pd.Series, side: str, n: int, *, of_class: bool) -> tuple[str, str]:
    """Beside a group's title, and on hover."""
    if not of_class:
        active, mean = row[f"active_{side.lower()}"], row[f"energy_{side.lower()}"]
        return (
            f"n {n:,}; active on {number(100 * active)} %, mean {number(mean)}",
            "Images with the largest score, only where it is positive. Active: share of the set "
            "with a positive score",
        )
    spread = f"Up to {EACH} images at even steps of the rank by score, strongest to weakest"
    if side == "A":
        return f"n {n:,}; strongest to weakest", spread
    by, lo, hi = (row[f"class_{row['side']}_by{end}"] for end in ("", "_lo", "_hi"))
    return (
        f"n {n:,}; {signed(by)} SD ({signed(lo)} to {signed(hi)})",
        f"{spread}. Difference to A in this class, in pooled standard deviations; the interval "
        "holds for all classes together at 95 % (Bonferroni), so that the largest may be picked",
    )


def _lines(row: pd.Series) -> list[dict[str, Any]]:
    label = row["class"] if isinstance(row["class"], str) else "unlabelled"
    guess = row["predicted"] if isinstance(row["predicted"], str) else ""
    guess = f"; most probable to the backbone: {guess}" if guess else ""
    wrong = not pd.isna(row["correct"]) and not bool(np.bool_(row["correct"]))
    return [
        {"text": number(row["score"]), "title": "score: its codes in one number"},
        {
            "text": ("✗ " if wrong else "") + label,
            "title": f"label: {label}{guess}; split {row['split']}; {row['file']}",
            "wrong": wrong,
        },
    ]
