"""Probes fitted to labels of images beside probes fitted to labels of classes, in words."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from app.format import number, percent, plain, short
from app.widgets import defined

_CLM = json.dumps(
    {"alpha": 1, "denominator": "visible", "l": 5, "ranked": "placed"}, sort_keys=True
)
ROWS = (
    ("concept_accuracy", "{}", "Concepts said rightly"),
    ("precision", "{}", "Positive evidence on the named part"),
    ("energy", "{}", "All of the map on the named part"),
    ("pointing", "{}", "Highest place on the named part"),
    ("clm", _CLM, "Part found (CLM, l = 5, alpha = 1)"),
)
_COUNTS = "n counts pairs of image and concept for what is said, images for CLM, else concepts."


def compared(pair: pd.DataFrame, found: pd.DataFrame, split: str) -> pd.DataFrame:
    """name, what, image, class, n (of both), chance; only what both banks have."""
    rows = []
    for name, variant, what in ROWS:
        mine = found[(found["name"] == name) & (found["variant"] == variant)]
        # what is measured on one split only is taken from there
        mine = mine[mine["split"] == split] if (mine["split"] == split).any() else mine
        sides = {}
        for _, bank in pair.iterrows():
            own = mine[mine["bank_id"] == bank["bank_id"]]
            if not own.empty:
                sides[str(bank["label_level"])] = own.iloc[0]
        if len(sides) == 2:
            image, of_class = sides["image"], sides["class"]
            rows.append(
                {
                    "name": name,
                    "what": what,
                    "image": float(image["value"]),
                    "class": float(of_class["value"]),
                    "n": (int(image["n"]), int(of_class["n"])),
                    "chance": float(image["chance"]),
                    "split": str(image["split"]),
                }
            )
    return pd.DataFrame(rows, columns=["name", "what", "image", "class", "n", "chance", "split"])


def show(pair: pd.DataFrame, rows: pd.DataFrame) -> None:
    names = {str(r["label_level"]): plain(short(str(r["name"]), 30)) for _, r in pair.iterrows()}
    left, right = st.columns([5, 6], gap="large")
    with left:
        st.write(
            f"**{names['image']}** learned each concept from what every single image shows, "
            f"**{names['class']}** from what its class usually shows. Labels of classes cannot "
            "tell a concept from whatever else its classes share, so a probe may settle on that."
        )
        for line in (_evidence(rows), _point(rows)):
            if line:
                st.write(line)
    defined.table(
        pd.DataFrame(
            {
                "": rows["what"],
                "Labels of images": [
                    _share(v, n[0]) for v, n in zip(rows["image"], rows["n"], strict=True)
                ],
                "Labels of classes": [
                    _share(v, n[1]) for v, n in zip(rows["class"], rows["n"], strict=True)
                ],
                "Chance": [percent(v) for v in rows["chance"]],
            }
        ),
        hide_index=True,
        column_config={
            "": st.column_config.TextColumn("", width=230),
            "Labels of images": defined.written(
                "metric.value", title="Labels of images", about=_COUNTS
            ),
            "Labels of classes": defined.written(
                "metric.value", title="Labels of classes", about=_COUNTS
            ),
            "Chance": defined.written("metric.chance"),
        },
        within=right,
    )


def _share(value: float, n: int) -> str:
    return f"{percent(value)} (n {n:,})"


def _row(rows: pd.DataFrame, name: str) -> dict[str, float] | None:
    mine = rows[rows["name"] == name]
    return None if mine.empty else {k: float(mine[k].iloc[0]) for k in ("image", "class", "chance")}


def _evidence(rows: pd.DataFrame) -> str:
    row = _row(rows, "precision")
    if row is None:
        return ""
    gains = [row[side] / row["chance"] for side in ("image", "class")]
    return (
        f"Of a map's positive evidence, {percent(row['image'])} lies on the part that the concept "
        f"names with labels of images, {percent(row['class'])} with labels of classes; a map that "
        f"knows nothing would put {percent(row['chance'])} there. That is "
        f"{number(gains[0])} and {number(gains[1])} times chance: {_word(gains[0], gains[1])}"
    )


def _point(rows: pd.DataFrame) -> str:
    row = _row(rows, "clm")
    if row is None:
        return ""
    return (
        f"Of the concepts that carried a prediction and were there to be seen, "
        f"{percent(row['image'])} light up at their part with labels of images, "
        f"{percent(row['class'])} with labels of classes (chance {percent(row['chance'])})."
    )


def _word(image: float, of_class: float) -> str:
    if abs(image - of_class) < 0.02:
        return "here the labels make no difference."
    if image > of_class:
        return "labels of images put concepts closer to where they should be."
    return "here labels of classes do no harm."
