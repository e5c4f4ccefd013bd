"""Below the live element: the same head on many images. Only the chosen tab is worked out."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from app import address, db
from app.views.intervene import batch, head_lab, several_batch
from app.views.intervene.tabs import curves, global_edits, latents, spatial
from data.queries import build
from data.queries.build import HeadFacts
from data.queries.images import ImageFacts

TABS = {
    "batch": ("Batch", "The same edits on other images"),
    "curves": ("Curves", "How much correcting concepts helps, and in which order"),
    "global": ("Global", "Editing the head itself, for every image"),
    "latents": ("Latents", "Switching concepts off, up or down, on a whole set of images"),
    "spatial": ("Spatial", "Where on this image the concepts may be seen"),
}


def show(
    head: HeadFacts, facts: ImageFacts, columns: dict[int, float], asked: dict[int, float]
) -> None:
    given = address.param("t")
    chosen = given if given in TABS else "batch"
    address.follow("lab_tab", chosen)
    st.segmented_control(
        "On more than this decision",
        list(TABS),
        key="lab_tab",
        required=True,
        format_func=lambda t: TABS[t][0],
        on_change=address.write,
        args=("t", "lab_tab"),
        label_visibility="collapsed",
    )
    st.subheader(TABS[chosen][1], anchor=False)
    draw: dict[str, Callable[[], None]] = {
        "batch": lambda: _batch(head, columns),
        "curves": lambda: curves.show(head),
        "global": lambda: global_edits.show(head),
        "latents": lambda: latents.show(head),
        "spatial": lambda: spatial.show(head, facts, asked),
    }
    draw[chosen]()


def _batch(head: HeadFacts, columns: dict[int, float]) -> None:
    if not columns:
        st.caption("Edit a concept above; its value is then given to every image of a split.")
        return
    if build.build(db.cursor()).multi_label:
        several_batch.show(head, columns)
        return
    loaded, _ = head_lab.load(head.head_id)
    names = dict(zip(loaded.class_ids.tolist(), loaded.class_names, strict=True))
    batch.show(head, columns, classes=names)
