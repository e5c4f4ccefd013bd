"""How much it helps to correct concepts, and how much their order matters."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import db
from app.components import curve_data, thumbs, whole
from app.components.curve_data import Asked, Line, Ready
from app.components.format import number, percent, plain, rate, short

COLOURS = {
    "cooperative": "#0072B2", "uncertainty": "#E69F00", "contribution": "#009E73",
    "expected gain": "#CC79A7", "random": "#8A969C", "greedy": "#D55E00",
}
WORDS = {
    "cooperative": "doubtful concepts that matter: uncertainty × influence",
    "uncertainty": "the concepts the head is least sure of",
    "contribution": "the concepts that add most to any class",
    "expected gain": "the concepts expected to settle the decision most",
    "random": "any order; the band spans "
    f"{curve_data.SEEDS} random orders",
    "greedy": "knows the right class: an upper bound, not advice",
}
LIMITS = (500, 200, 2000, None)
MEASURES = {"accuracy": "Accuracy", "probability": "Mean probability of the true class"}


def _asked(found: whole.Whole) -> Asked:
    sizes = found.rows["split"].value_counts()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = [*found.splits, None]
        split = st.selectbox(
            # where the head errs most there is most to correct
            "Images of", names, names.index(found.hardest), key="curves_split", width=180,
            format_func=lambda s: f"all ({len(found.rows):,})" if s is None
            else f"{s} ({sizes[s]:,})",
        )
        class_id = st.selectbox(
            "Class", [None, *sorted(found.rows["class_id"].unique(), key=found.names.__getitem__)],
            key="curves_class", width=200,
            format_func=lambda c: "every class" if c is None else short(found.names[c]),
        )
        limit = st.selectbox(
            "At most", LIMITS, key="curves_limit", width=130,
            format_func=lambda n: "all images" if n is None else f"{n:,} images",
            help="More images take longer; they are drawn at random, always the same.",
        )
        grouped = False
        if found.facts["grouping"].notna().any():
            grouped = st.segmented_control(
                "Correct", ["concept", "group"], key="curves_grouped", default="concept",
                required=True, format_func=lambda g: f"one {g} a step",
                help="A group, such as all colours of the beak, is answered by one look.",
            ) == "group"
    return Asked(split, None if class_id is None else int(class_id), limit, grouped)


def _figure(
    lines: dict[str, Line], measure: str, *, chance: float | None, marked: tuple[str, int]
) -> go.Figure:
    figure = go.Figure()
    for policy, line in lines.items():
        colour = COLOURS[policy]
        x = line.curve.corrected
        if line.low is not None and line.high is not None:
            for edge, fill in ((line.high[measure], None), (line.low[measure], "tonexty")):
                figure.add_scatter(
                    x=x, y=100 * edge, mode="lines", line={"width": 0}, fill=fill,
                    fillcolor="rgba(138,150,156,0.25)", hoverinfo="skip", showlegend=False,
                )
        values = line.accuracy if measure == "accuracy" else line.probability
        size = [13 if (policy, i) == marked else 6 for i in range(len(x))]
        figure.add_scatter(
            x=x, y=100 * values, mode="lines+markers", name=policy,
            line={"color": colour, "width": 2, "dash": "dot" if policy == "greedy" else "solid"},
            marker={"size": size, "color": colour, "line": {"width": 1, "color": "white"}},
            customdata=[[policy, i] for i in range(len(x))],
            hovertemplate="<b>%{y:.3g} %</b> after %{x:.3g} concepts"
            f"<br>{WORDS[policy]}<extra>{policy}</extra>",
        )
    shown = np.concatenate([
        part for line in lines.values() for part in
        ([line.accuracy if measure == "accuracy" else line.probability]
         + ([line.low[measure], line.high[measure]] if line.low and line.high else []))
    ])
    low, high = 100 * float(shown.min()), 100 * float(shown.max())
    room = max(1.0, 0.08 * (high - low))
    if chance is not None and 100 * chance > low - 15:
        low = min(low, 100 * chance)
        figure.add_hline(y=100 * chance, line={"dash": "dash", "width": 1, "color": "#8A969C"},
                         annotation_text=f"chance {percent(chance)}",
                         annotation_position="bottom right")
    figure.update_layout(
        height=430, margin={"l": 0, "r": 10, "t": 34, "b": 0}, hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0,
                "traceorder": "normal"},
        xaxis={"title": "concepts corrected (mean over images)", "rangemode": "tozero"},
        yaxis={"title": f"{MEASURES[measure]}, %", "range": [low - room, high + room]},
        clickmode="event+select", dragmode="pan",
    )
    return figure


def _picked() -> None:
    """A click on a point of the chart chooses its policy and step."""
    points = st.session_state["curves_chart"].selection.points
    if points and "customdata" in points[0]:
        policy, step = points[0]["customdata"]
        if policy in COLOURS and int(step) > 0:
            st.session_state["curves_policy"] = policy
            st.session_state["curves_step"] = int(step)


def show(head: pd.Series) -> None:
    found = whole.of(head)
    why = curve_data.missing(head, found.facts)
    if why is not None:
        st.info(plain(why))
        return
    if found.rows.empty:
        st.caption("No image carries a label of this head's classes, so nothing can be counted.")
        return
    asked = _asked(found)
    key, ids = db.key(), (int(head["head_id"]), int(head["bank_id"]))
    given = curve_data.ready(key, *ids, asked)
    if given is None:
        st.caption("No labelled image passes this filter.")
        return
    bar = st.progress(0.0, "Correcting concepts …")
    lines: dict[str, Line] = {}
    for i, policy in enumerate(curve_data.ORDER):
        bar.progress(i / len(curve_data.ORDER), f"Correcting concepts: {policy} …")
        lines[policy] = curve_data.line(key, *ids, asked, policy)
    bar.empty()
    n = len(given.rows)
    steps, chance = len(lines["random"].accuracy) - 1, lines["random"].curve.chance
    of = "" if n == given.n_total else f" drawn from {given.n_total:,}"
    st.caption(
        f"n = {n:,} images{of} · {given.n_concepts} of {len(found.facts)} concepts have a known "
        "truth · correcting sets a concept to the median score of images that show it, or do not, "
        f"as the labels say · chance {percent(chance)} (most frequent class); "
        "the axis does not start at 0 · click a point to see its images"
    )
    if st.session_state.get("curves_step", 1) > steps:
        st.session_state["curves_step"] = steps
    with st.container(horizontal=True, vertical_alignment="bottom"):
        measure = st.segmented_control(
            "Show", list(MEASURES), default="accuracy", key="curves_measure", required=True,
            format_func=MEASURES.__getitem__,
        )
        policy = st.selectbox("Images that flip with", curve_data.ORDER, key="curves_policy",
                              width=190, help="Who decides what to correct first.")
        step = st.number_input("at step", 1, max(1, steps), key="curves_step", width=120)
    assert measure is not None  # required
    st.plotly_chart(
        _figure(lines, measure, marked=(policy, int(step)),
                chance=chance if measure == "accuracy" else None),
        key="curves_chart", on_select=_picked, selection_mode="points",
        config={"displayModeBar": False},
    )
    _flips(head, found, given, lines[policy], policy=policy, step=int(step))


def _flips(
    head: pd.Series, found: whole.Whole, given: Ready, line: Line, *, policy: str, step: int
) -> None:
    curve, n = line.curve, len(given.rows)
    gained, lost = curve.gained(step), curve.lost(step)
    what = "group" if given.situation.groups is not None else "concept"
    one = " (first of the random orders)" if policy == "random" else ""
    st.markdown(
        f"**{plain(policy)}**{one}: {WORDS[policy]}. Correcting the {_nth(step)} {what} turns "
        f"{rate(len(gained), n)} right and {rate(len(lost), n)} wrong. "
        f"With {number(float(curve.corrected[step]))} corrected concepts (mean), "
        f"{percent(float(curve.accuracy[step]))} are right."
    )
    for title, rows, help in (
        ("Gained", gained, "Wrong before this step, right after."),
        ("Lost", lost, "Right before this step, wrong after."),
    ):
        thumbs.strip(f"{title}: {len(rows):,}", given.rows.iloc[rows], classes=found.names,
                     help=help, h=head["name"], t="curves")


def _nth(n: int) -> str:
    if n % 100 in (11, 12, 13):
        return f"{n}th"
    return f"{n}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(n % 10, 'th') }"
