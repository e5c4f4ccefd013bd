"""A concept beside classes, labels and other concepts of its bank."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.format import concept_titles, plain
from app.widgets import defined, minis


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

    config = {
        "name": st.column_config.TextColumn("Class", width=104),
        "n": defined.column("concept_class.n", width=42),
        "mean": defined.column("concept_class.mean", width=58),
        "difference": defined.column("concept_class.difference", width=58),
        "auc": defined.column("concept_class.auc", width=58),
    }
    for head in heads:
        config[f"w {head}"] = defined.column(
            "head_weight.weight", title=f"w {head}", about=f"Head: {plain(head)}."
        )
    defined.table(
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
    place = ["iou", "iou_chance", "iou_best", "iou_n"]
    shown = ["name", "auc", "n", *(place if rows["iou"].notna().any() else [])]
    defined.table(
        rows,
        key=key,
        hide_index=True,
        column_order=shown,
        placeholder="",
        height=min(245, 38 + 35 * len(rows)),
        column_config={
            "name": st.column_config.TextColumn("Label", width=108),
            "auc": defined.column("label_score.auc", width=50),
            "n": defined.column("label_score.n", width=44),
            "iou": defined.column("label_score.iou", form="%.2g", width=58),
            "iou_chance": defined.column("label_score.iou_chance", form="%.2g", width=58),
            "iou_best": defined.column("label_score.iou_best", form="%.2g", width=58),
            "iou_n": defined.column("label_score.iou_n", width=50),
        },
    )


KINDS = {"cosine": "Similar direction", "lift": "Fires together"}


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
            format_func=lambda k: KINDS[k],
            label_visibility="collapsed",
        )
        or kinds[0]
    )
    rows = found[found["kind"] == kind].reset_index(drop=True)
    rows["title"] = concept_titles(rows["name"], rows["other_id"])
    rows["picture"] = [
        minis.strip([bytes(t)], side=40) if isinstance(t, bytes | bytearray) else None
        for t in rows["thumb"]
    ]
    event = defined.table(
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
            "value": defined.column(f"neighbour.{kind}", width=70),
            "n": defined.column("neighbour.n", width=54),
        },
    )
    return defined.clicked(event, rows["other_id"])
