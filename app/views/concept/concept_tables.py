"""A concept beside classes, labels and other concepts of its bank."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app.format import concept_name
from app.widgets import minis

AUC = "Chance 0.5"


def classes(scores: pd.DataFrame, weights: pd.DataFrame, *, key: str) -> None:
    """How scores differ by class, with each head's weight."""
    if scores.empty:
        st.caption("No image carries a class label.")
        return
    rows = scores.copy()
    heads = list(dict.fromkeys(weights["head"]))
    for head in heads:
        by_class = weights[weights["head"] == head].set_index("class_id")["weight"]
        rows[f"w {head}"] = rows["class_id"].map(by_class)

    def exact(title: str, about: str) -> Any:
        return st.column_config.NumberColumn(title, help=about, format="%.3g", width=58)

    config = {
        "name": st.column_config.TextColumn("Class", width=104),
        "n": st.column_config.NumberColumn("n", help="Images of the class", width=42),
        "mean": exact("Mean", "Mean score in the class"),
        "difference": exact("Δ", "Mean score in the class minus the mean outside it"),
        "auc": exact("AUC", f"Class against the rest by score. {AUC}"),
    }
    for head in heads:
        config[f"w {head}"] = st.column_config.NumberColumn(
            f"w {head}",
            help=f"Weight in head {head}: logit per unit of score; empty: zero",
            format="%.3g",
        )
    st.dataframe(
        rows,
        key=key,
        hide_index=True,
        column_config=config,
        placeholder="",
        height=min(260, 50 + 35 * len(rows)),
        column_order=["name", "n", "mean", "difference", "auc", *(f"w {h}" for h in heads)],
    )


def labels(scores: pd.DataFrame, *, key: str) -> None:
    """Every label, the one that the scores tell apart best first."""
    if scores.empty:
        st.caption("The data set has no labelled concepts to check against.")
        return
    rows = scores
    place = ["iou", "iou_chance", "iou_n"]
    shown = ["name", "auc", "n", *(place if rows["iou"].notna().any() else [])]
    st.dataframe(
        rows,
        key=key,
        hide_index=True,
        column_order=shown,
        placeholder="",
        height=min(245, 38 + 35 * len(rows)),
        column_config={
            "name": st.column_config.TextColumn("Label", width=108),
            "auc": st.column_config.NumberColumn(
                "AUC",
                format="%.3g",
                width=50,
                help=f"How well the score tells images with the label from those without. {AUC}",
            ),
            "n": st.column_config.NumberColumn(
                "n", help="Held-out images with a known label", width=44
            ),
            "iou": st.column_config.NumberColumn(
                "IoU",
                format="%.2g",
                width=58,
                help="Overlap of the strongest tokens with the masks of the label's part, 0 to 1, "
                "over all masked images together; as many tokens as the masks cover",
            ),
            "iou_chance": st.column_config.NumberColumn(
                "Chance",
                format="%.2g",
                width=58,
                help="IoU of as many tokens at random: p / (2 - p) for masks over the share p",
            ),
            "iou_n": st.column_config.NumberColumn(
                "n IoU",
                width=50,
                help="Held-out images with the label and its mask, of at most 300 looked at",
            ),
        },
    )


KINDS = {
    "cosine": ("Similar direction", "Cosine", "Cosine of the two directions, -1 to 1"),
    "lift": (
        "Fires together",
        "Lift",
        "How much more often both are active than if they were independent; 1: independent",
    ),
}


def neighbours(found: pd.DataFrame, *, key: str) -> int | None:
    """The nearest concepts of the bank; returns the one that was clicked."""
    kinds = [k for k in KINDS if (found["kind"] == k).any()]
    if not kinds:
        st.caption("None: it is dead, or alone in its bank.")
        return None
    kind = (
        st.segmented_control(
            "Neighbours",
            kinds,
            default=kinds[0],
            required=True,
            key=f"{key}-kind",
            format_func=lambda k: KINDS[k][0],
            label_visibility="collapsed",
        )
        or kinds[0]
    )
    rows = found[found["kind"] == kind].reset_index(drop=True)
    rows["title"] = [
        concept_name(n, c) for n, c in zip(rows["name"], rows["other_id"], strict=True)
    ]
    rows["picture"] = [
        minis.strip([bytes(t)], side=40) if isinstance(t, bytes | bytearray) else None
        for t in rows["thumb"]
    ]
    _, title, about = KINDS[kind]
    event = st.dataframe(
        rows,
        key=f"{key}-{kind}",
        hide_index=True,
        row_height=44,
        on_select="rerun",
        selection_mode="single-cell",
        height=min(320, 40 + 44 * len(rows)),
        column_order=["picture", "title", "other_id", "value", *(["n"] if kind == "lift" else [])],
        column_config={
            "picture": st.column_config.ImageColumn("", width=52),
            "title": st.column_config.TextColumn("Concept", width=130),
            "other_id": st.column_config.NumberColumn("#", width=48, format="%d"),
            "value": st.column_config.NumberColumn(title, help=about, format="%.3g", width=70),
            "n": st.column_config.NumberColumn("n", help="Images where both are active", width=54),
        },
    )
    cells = event["selection"]["cells"]
    return int(rows["other_id"].iloc[cells[0][0]]) if cells else None
