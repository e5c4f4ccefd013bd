"""Accuracy before and after an edit of the head: by split, by class, and the images it moves."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from app import address
from app.format import percent, rate, short
from app.views.intervene import thumbs, whole
from app.widgets import figures
from app.widgets.palette import BETTER, REST, WORSE
from core.counted import counted
from core.intervention.global_edits import Preview
from core.types import Head
from data.queries.build import HeadFacts

MOST_CLASSES = 25


def outcome(
    head: HeadFacts,
    labelled: whole.Whole,
    change: Preview,
    *,
    edited: Head,
    trying: bool,
    n_set: int,
) -> None:
    words = {
        (True, True): "What the set and the edit being tried would do",
        (True, False): "What this edit would do",
        (False, True): "What the set does",
        (False, False): "What fitting again does",
    }[trying, n_set > 0]
    st.subheader(words, anchor=False)
    with st.container(horizontal=True):
        for split in labelled.splits:
            before, after = change.by_split[split]
            points = 100 * (after.value - before.value)
            st.metric(
                f"{split}: accuracy",
                percent(after.value),
                f"{points:+.3g} points",
                border=True,
                width=210,
                delta_color="normal" if points else "off",
                delta_arrow="auto" if points else "off",
                help=f"Before {rate(round(before.value * before.n), before.n)}, after "
                f"{rate(round(after.value * after.n), after.n)}. Always naming the most frequent "
                f"class gives {percent(after.chance)}.",
            )
        weights = [int((h.weight != 0).sum()) for h in (labelled.loaded.head, edited)]
        st.metric(
            "weights not 0",
            f"{weights[1]:,}",
            f"{weights[1] - weights[0]:+,}",
            border=True,
            width=170,
            delta_color="off",
            delta_arrow="auto" if weights[0] != weights[1] else "off",
            help=f"{weights[0]:,} before, over {counted(len(labelled.loaded.class_ids), 'class')}.",
        )
    st.caption(
        " · ".join(
            f"{s}: {percent(c.before.value)} before, n = {c.after.n:,}, chance "
            f"{percent(c.after.chance)}"
            for s, c in ((s, change.by_split[s]) for s in labelled.splits)
        )
    )
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
        figures.show(_by_class(labelled, change, split), key="global_classes")
    with right:
        shown = False
        for title, rows, what in (
            ("Gained", change.gained, "Wrong before, right after."),
            ("Lost", change.lost, "Right before, wrong after."),
        ):
            chosen = rows[here[rows]]
            shown = shown or bool(len(chosen))
            thumbs.strip(
                f"{title}: {len(chosen):,}",
                labelled.rows.iloc[chosen],
                classes=labelled.names,
                help=what,
                h=head.name,
                t="global",
                g=address.param("g"),
            )
        if not shown:
            st.caption(f"No image of {split} becomes right or wrong.")
        moved = int(here[change.flipped].sum())
        st.caption(
            f"{rate(moved, int(here.sum()))} of {split} get another class; "
            "a change from one wrong class to another counts as neither."
        )


def _by_class(labelled: whole.Whole, change: Preview, split: str) -> go.Figure:
    """A line from before to after for each class; the largest changes where there are many."""
    at = list(change.by_split).index(split)
    before, after, n = change.before[at], change.after[at], change.n[at]
    rows = np.flatnonzero(n > 0)
    moved = np.abs(after - before)
    if len(rows) > MOST_CLASSES:
        rows = np.sort(rows[np.argsort(-moved[rows], kind="stable")[:MOST_CLASSES]])
    rows = rows[np.argsort(-(after - before)[rows], kind="stable")]
    names = [short(labelled.loaded.class_names[r], 24) for r in rows]
    figure = go.Figure()
    for r, name in zip(rows, names, strict=True):
        figure.add_scatter(
            x=[100 * before[r], 100 * after[r]],
            y=[name, name],
            mode="lines",
            showlegend=False,
            hoverinfo="skip",
            line={"width": 4, "color": BETTER if after[r] > before[r] else WORSE},
        )
    better = np.where(after[rows] > before[rows], BETTER, WORSE)
    colours = np.where(after[rows] == before[rows], REST, better)
    for title, values, colour in (("before", before, REST), ("after", after, colours.tolist())):
        figure.add_scatter(
            x=100 * values[rows],
            y=names,
            mode="markers",
            name=title,
            marker={"size": 10, "color": colour, "line": figures.RING},
            customdata=n[rows],
            hovertemplate=f"{title} %{{x:.3g}} % of %{{customdata:,}} images<extra>%{{y}}</extra>",
            showlegend=title == "before",
        )
    figures.legend_only(figure, "after: better", BETTER)
    figures.legend_only(figure, "after: worse", WORSE)
    left_out = int((n > 0).sum()) - len(rows)
    title = f"accuracy by class on {split}, %" + (
        f" ({left_out} classes that move less are left out)" if left_out else ""
    )
    return figures.styled(
        figure,
        height=110 + 26 * len(rows),
        x=figures.axis(title),
        y={"autorange": "reversed"},
    )
