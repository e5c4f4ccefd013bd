"""Accuracy before and after an edit of the head: by split, by class, and the images it moves."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

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


class Edited(NamedTuple):
    head: Head
    trying: bool
    """whether an edit is part of it that is not in the set"""
    n_set: int
    """edits in the set"""


def outcome(
    head: HeadFacts,
    labelled: whole.Whole,
    change: Preview,
    edit: Edited,
) -> None:
    st.subheader(heading(edit), anchor=False)
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
        weights(labelled, edit.head)
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
        at = list(change.by_split).index(split)
        shift = Shift(
            change.before[at],
            change.after[at],
            change.n[at],
            f"accuracy by class on {split}, %",
            "%",
        )
        figures.show(by_class(labelled, shift), key="global_classes")
    with right:
        shown = moved_strips(
            head,
            labelled,
            (
                ("Gained", change.gained[here[change.gained]], "Wrong before, right after."),
                ("Lost", change.lost[here[change.lost]], "Right before, wrong after."),
            ),
        )
        if not shown:
            st.caption(f"No image of {split} becomes right or wrong.")
        moved = int(here[change.flipped].sum())
        st.caption(
            f"{rate(moved, int(here.sum()))} of {split} get another class; "
            "a change from one wrong class to another counts as neither."
        )


def heading(edit: Edited) -> str:
    return {
        (True, True): "What the set and the edit being tried would do",
        (True, False): "What this edit would do",
        (False, True): "What the set does",
        (False, False): "What fitting again does",
    }[edit.trying, edit.n_set > 0]


def weights(labelled: whole.Whole, edited: Head) -> None:
    """How many weights are left."""
    n = [int((h.weight != 0).sum()) for h in (labelled.loaded.head, edited)]
    st.metric(
        "weights not 0",
        f"{n[1]:,}",
        f"{n[1] - n[0]:+,}",
        border=True,
        width=170,
        delta_color="off",
        delta_arrow="auto" if n[0] != n[1] else "off",
        help=f"{n[0]:,} before, over {counted(len(labelled.loaded.class_ids), 'class')}.",
    )


def moved_strips(
    head: HeadFacts, labelled: whole.Whole, sets: Iterable[tuple[str, np.ndarray, str]]
) -> bool:
    """Images by what becomes of them: title, rows and meaning of each set. Whether there is any."""
    shown = False
    for title, rows, what in sets:
        shown = shown or bool(len(rows))
        thumbs.strip(
            f"{title}: {len(rows):,}",
            labelled.rows.iloc[rows],
            classes=labelled.names,
            help=what,
            h=head.name,
            t="global",
            g=address.param("g"),
        )
    return shown


class Shift(NamedTuple):
    """Of every class, before and after, on a split; NaN: it is not judged."""

    before: np.ndarray
    after: np.ndarray
    n: np.ndarray
    """images behind either"""
    title: str
    unit: str
    """"" or that of a share in per cent"""


def by_class(labelled: whole.Whole, shift: Shift) -> go.Figure:
    """A line from before to after for each class; the largest changes where there are many."""
    before, after, n = shift.before, shift.after, shift.n
    scale = 100 if shift.unit == "%" else 1
    rows = np.flatnonzero(~np.isnan(before))
    judged = len(rows)
    moved = np.abs(after - before)
    if len(rows) > MOST_CLASSES:
        rows = np.sort(rows[np.argsort(-moved[rows], kind="stable")[:MOST_CLASSES]])
    rows = rows[np.argsort(-(after - before)[rows], kind="stable")]
    names = [short(labelled.loaded.class_names[r], 24) for r in rows]
    figure = go.Figure()
    for r, name in zip(rows, names, strict=True):
        figure.add_scatter(
            x=[scale * before[r], scale * after[r]],
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
            x=scale * values[rows],
            y=names,
            mode="markers",
            name=title,
            marker={"size": 10, "color": colour, "line": figures.RING},
            customdata=n[rows],
            hovertemplate=f"{title} %{{x:.3g}} {shift.unit} of %{{customdata:,}} images"
            "<extra>%{y}</extra>",
            showlegend=title == "before",
        )
    figures.legend_only(figure, "after: better", BETTER)
    figures.legend_only(figure, "after: worse", WORSE)
    left_out = judged - len(rows)
    title = shift.title + (f" ({left_out} that move less are left out)" if left_out else "")
    return figures.styled(
        figure,
        height=110 + 26 * len(rows),
        x=figures.axis(title),
        y={"autorange": "reversed"},
    )
