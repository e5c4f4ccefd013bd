"""The same edits on many images: what a head then gets right that it got wrong, and the reverse."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Bool, Float64

from app import address, db
from app.format import percent, rate, short
from app.views.intervene import head_lab, thumbs
from core import bottleneck
from core.kinds import TEST
from data.queries import heads
from data.queries.build import HeadFacts

BLOCK = 2_000_000
"""numbers of the dense score matrix held at once"""


@db.cached(max_entries=4, spinner="Reading the scores of every image …", shared=True)
def base(head_id: int, bank_id: int) -> tuple[pd.DataFrame, Float64[np.ndarray, "n y"]]:
    """Labelled images of the head's classes, and the unedited logits of each."""
    con = db.cursor()
    loaded, _ = head_lab.load(head_id)
    rows = heads.labels(con)
    rows = rows[rows["class_id"].isin(loaded.class_ids)].reset_index(drop=True)
    ids = rows["image_id"].to_numpy(np.int64)
    if loaded.head.residual:
        return rows, heads.unedited(con, head_id, loaded.outputs, image_ids=ids)
    step = max(1, BLOCK // max(1, len(loaded.concept_ids)))
    blocks = [
        bottleneck.logits(
            loaded.head,
            heads.image_scores(con, bank_id, loaded.concept_ids, image_ids=ids[i : i + step]),
        )
        for i in range(0, len(ids), step)
    ]
    return rows, np.concatenate(blocks) if blocks else np.zeros((0, len(loaded.class_ids)))


def whether_right(
    head: HeadFacts, columns: dict[int, float], kept: Bool[np.ndarray, " n"]
) -> tuple[pd.DataFrame, Bool[np.ndarray, " m"], Bool[np.ndarray, " m"]]:
    """The kept images, and whether each is right before and after the edits."""
    loaded, _ = head_lab.load(head.head_id)
    rows, logits = base(head.head_id, head.bank_id)
    rows, logits = rows[kept], logits[kept]
    order = sorted(columns)
    scores = heads.image_scores(
        db.cursor(),
        head.bank_id,
        loaded.concept_ids[order],
        image_ids=rows["image_id"].to_numpy(np.int64),
    )
    edited = bottleneck.Head(loaded.head.weight[:, order], loaded.head.bias)
    moved = logits + bottleneck.shifts(edited, scores, {j: columns[k] for j, k in enumerate(order)})
    label = rows["class_id"].to_numpy()
    return (
        rows,
        loaded.class_ids[logits.argmax(axis=1)] == label,
        loaded.class_ids[moved.argmax(axis=1)] == label,
    )


def show(head: HeadFacts, columns: dict[int, float], *, classes: dict[int, str]) -> None:
    """Choose a split and a class, see accuracy before and after."""
    rows, _ = base(head.head_id, head.bank_id)
    if rows.empty:
        st.caption("No image carries a label of this head's classes, so nothing can be counted.")
        return
    splits = rows["split"].value_counts().sort_index()
    names = [TEST, *splits.index.drop(TEST)] if TEST in splits else list(splits.index)
    with st.container(horizontal=True):
        split = st.selectbox(
            "Split",
            [*names, None],
            key="batch_split",
            width=220,
            format_func=lambda s: f"all ({len(rows):,})" if s is None else f"{s} ({splits[s]:,})",
        )
        class_id = st.selectbox(
            "Class",
            [None, *sorted(rows["class_id"].unique(), key=lambda c: classes[c])],
            key="batch_class",
            width=260,
            format_func=lambda c: "every class" if c is None else short(classes[c]),
        )
    kept = np.ones(len(rows), bool)
    if split is not None:
        kept &= (rows["split"] == split).to_numpy()
    if class_id is not None:
        kept &= (rows["class_id"] == class_id).to_numpy()
    if not kept.any():
        st.caption("No labelled image of this class is in this split.")
        return
    found, before, after = whether_right(head, columns, kept)
    n, corrected, broken = len(found), ~before & after, before & ~after
    largest = int(found["class_id"].value_counts().iloc[0])
    with st.container(horizontal=True):
        st.metric(
            "Accuracy before",
            percent(before.mean()),
            width=190,
            border=True,
            help=f"{rate(int(before.sum()), n)}. Always naming the most frequent class gives "
            f"{percent(largest / n)}.",
        )
        change = 100 * (after.mean() - before.mean())
        st.metric(
            "Accuracy after",
            percent(after.mean()),
            f"{change:+.3g} points",
            width=190,
            border=True,
            delta_color="normal" if change else "off",
            delta_arrow="auto" if change else "off",
            help=rate(int(after.sum()), n),
        )
        for title, turned, what in (
            ("Corrected", corrected, "Wrong before, right after"),
            ("Broken", broken, "Right before, wrong after"),
        ):
            counted = int(turned.sum())
            told = f"{what}: {rate(counted, n)}."
            st.metric(title, f"{counted:,}", width=150, border=True, help=told)
    st.caption(
        f"n = {n:,} labelled images; chance (most frequent class) {percent(largest / n)}. "
        "Every image gets the values of the edits, whatever its own scores are."
    )
    for title, chosen in (("Corrected", corrected), ("Broken", broken)):
        thumbs.strip(
            title, found[chosen], classes=classes, h=head.name, e=address.param("e"), t="batch"
        )
