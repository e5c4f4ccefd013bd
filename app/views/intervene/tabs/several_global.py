"""What an edit of the head does to labels of which an image can carry several."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app.format import number, percent, rate, signed
from app.views.intervene import whole
from app.views.intervene.tabs import global_charts
from app.widgets import figures
from core.intervention.global_edits import EachPreview
from core.metrics.macro_ranking import LEAST
from data.queries.build import HeadFacts


def outcome(
    head: HeadFacts,
    labelled: whole.Whole,
    change: EachPreview,
    edit: global_charts.Edited,
) -> None:
    st.subheader(global_charts.heading(edit), anchor=False)
    with st.container(horizontal=True):
        for split in labelled.splits:
            c = change.by_split[split]
            before, after = c.means
            st.metric(
                f"{split}: mean AUROC",
                number(after) if c.judged else "not judged",
                signed(c.gain.value) if c.judged else None,
                border=True,
                width=210,
                delta_color="normal" if c.gain.value else "off",
                delta_arrow="auto" if c.gain.value else "off",
                help=f"Before {number(before)}; the change has the 95 % interval "
                f"{signed(c.gain.lo)} to {signed(c.gain.hi)}. Mean over {c.judged} labels, chance "
                "0.5."
                if c.judged
                else f"No label is shown by {LEAST} images of this split and lacked by as many.",
            )
        global_charts.weights(labelled, edit.head)
    st.caption(" · ".join(_told(labelled, change, split) for split in labelled.splits))
    split = st.segmented_control(
        "Look closer at",
        labelled.splits,
        default=labelled.hardest,
        key="global_split",
        required=True,
    )
    assert split is not None  # required
    here = (labelled.rows["split"] == split).to_numpy()
    left, right = st.columns([2, 3], gap="large")
    with left:
        c = change.by_split[split]
        shift = global_charts.Shift(
            c.areas[0], c.areas[1], c.n, f"AUROC by label on {split}, chance 0.5", ""
        )
        if c.judged:
            figures.show(global_charts.by_class(labelled, shift), key="global_classes")
    with right:
        shown = global_charts.moved_strips(
            head,
            labelled,
            (
                ("Gained", _of(change.gained, here), "More labels are told rightly than before."),
                ("Lost", _of(change.lost, here), "Fewer labels are told rightly than before."),
            ),
        )
        if not shown:
            st.caption(f"Of no image of {split} more or fewer labels are told rightly.")
        moved = int(here[change.flipped].sum())
        st.caption(
            f"{rate(moved, int(here.sum()))} of {split} get another set of labels. A label is told "
            "rightly where its probability reaches its threshold and the image shows it, or "
            "neither; where it is unknown it counts for nothing."
        )


def _told(labelled: whole.Whole, change: EachPreview, split: str) -> str:
    c = change.by_split[split]
    n, images = int(c.n.sum()), int((labelled.rows["split"] == split).sum())
    was, now = (int(row.sum()) for row in c.right)
    return (
        f"{split}: mean AUROC {signed(c.gain.value)} (95 % {signed(c.gain.lo)} to "
        f"{signed(c.gain.hi)}), {c.judged} labels, n = {images:,} images; labels told rightly "
        f"{percent(was / n)} before, {percent(now / n)} after, of {n:,} known, chance "
        f"{percent(c.chance)}"
    )


def _of(rows: np.ndarray, here: np.ndarray) -> np.ndarray:
    return np.asarray(rows[here[rows]])
