"""The curves drawn: one line a policy, chance, and a band for random orders."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from app.format import percent
from app.views.intervene.tabs import curve_data
from app.views.intervene.tabs.curve_data import Line

COLOURS = {
    "cooperative": "#0072B2",
    "uncertainty": "#E69F00",
    "contribution": "#009E73",
    "expected gain": "#CC79A7",
    "random": "#8A969C",
    "greedy": "#D55E00",
    "control": "#56656D",
}
DASHES = {"greedy": "dot", "control": "dash"}
WORDS = {
    "cooperative": "doubtful concepts that matter: uncertainty × influence",
    "uncertainty": "the concepts the head is least sure of",
    "contribution": "the concepts that add most to any class",
    "expected gain": "the concepts expected to settle the decision most",
    "random": f"any order; the band spans {curve_data.SEEDS} random orders",
    "greedy": "knows the right class: an upper bound, not advice",
    "control": "cooperative order, but each image gets the labels of another image; "
    f"mean of {curve_data.N_CONTROLS} draws",
}
MEASURES = {"accuracy": "Accuracy", "probability": "Mean probability of the true class"}


def figure(
    lines: dict[str, Line], measure: str, *, chance: float | None, marked: tuple[str, int]
) -> go.Figure:
    figure = go.Figure()
    for policy, line in lines.items():
        colour = COLOURS[policy]
        x = line.curve.corrected
        if line.low is not None and line.high is not None:
            for edge, fill in ((line.high[measure], None), (line.low[measure], "tonexty")):
                figure.add_scatter(
                    x=x,
                    y=100 * edge,
                    mode="lines",
                    line={"width": 0},
                    fill=fill,
                    fillcolor="rgba(138,150,156,0.25)",
                    hoverinfo="skip",
                    showlegend=False,
                )
        values = line.accuracy if measure == "accuracy" else line.probability
        size = [13 if (policy, i) == marked else 6 for i in range(len(x))]
        figure.add_scatter(
            x=x,
            y=100 * values,
            mode="lines+markers",
            name=policy,
            line={"color": colour, "width": 2, "dash": DASHES.get(policy, "solid")},
            marker={"size": size, "color": colour, "line": {"width": 1, "color": "white"}},
            customdata=[[policy, i] for i in range(len(x))],
            hovertemplate="<b>%{y:.3g} %</b> after %{x:.3g} concepts"
            f"<br>{WORDS[policy]}<extra>{policy}</extra>",
        )
    shown = np.concatenate(
        [
            part
            for line in lines.values()
            for part in (
                [line.accuracy if measure == "accuracy" else line.probability]
                + ([line.low[measure], line.high[measure]] if line.low and line.high else [])
            )
        ]
    )
    low, high = 100 * float(shown.min()), 100 * float(shown.max())
    room = max(1.0, 0.08 * (high - low))
    if chance is not None and 100 * chance > low - 15:
        low = min(low, 100 * chance)
        figure.add_hline(
            y=100 * chance,
            line={"dash": "dash", "width": 1, "color": "#8A969C"},
            annotation_text=f"chance {percent(chance)}",
            annotation_position="bottom right",
        )
    figure.update_layout(
        height=430,
        margin={"l": 0, "r": 10, "t": 34, "b": 0},
        hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        xaxis={"title": "concepts corrected (mean over images)", "rangemode": "tozero"},
        yaxis={"title": f"{MEASURES[measure]}, %", "range": [low - room, high + room]},
        clickmode="event+select",
        dragmode="pan",
    )
    return figure
