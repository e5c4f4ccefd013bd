"""The curves drawn: one line a policy, chance, and a band for orders that are drawn."""

from __future__ import annotations

from itertools import cycle
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from app.format import percent
from app.views.intervene.tabs import curve_data
from app.views.intervene.tabs.curve_data import Line
from core.intervention.policies import POLICIES

ADVICE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#332288", "#AA4499", "#117733")
BOUNDS = ("#D55E00", "#8C7A00", "#661100")
"""of policies that need the truth; dotted"""
DRAWN, CONTROL = "#8A969C", "#56656D"
MEASURES = {"accuracy": "Accuracy", "probability": "Mean probability of the true class"}


class Style(NamedTuple):
    colour: str
    dash: str


def styles() -> dict[str, Style]:
    """Of every line: policies take colours in the order in which they are listed."""
    advice, bounds = cycle(ADVICE), cycle(BOUNDS)
    out = {}
    for name, policy in POLICIES.items():
        if policy.drawn:
            out[name] = Style(DRAWN, "solid")
        elif policy.needs_truth:
            out[name] = Style(next(bounds), "dot")
        else:
            out[name] = Style(next(advice), "solid")
    return {**out, curve_data.CONTROL: Style(CONTROL, "dash")}


def about(line: str) -> str:
    """For people: what a line corrects first, or with what."""
    if line == curve_data.CONTROL:
        return (
            "cooperative order, but each image gets the labels of another image; "
            f"mean of {curve_data.N_CONTROLS} draws"
        )
    policy = POLICIES[line]
    band = f"; the band spans {curve_data.SEEDS} random orders" if policy.drawn else ""
    return f"{policy.about}{band}"


def figure(
    lines: dict[str, Line], measure: str, *, chance: float | None, marked: tuple[str, int]
) -> go.Figure:
    figure = go.Figure()
    known = styles()
    for policy, line in lines.items():
        colour, dash = known[policy]
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
            line={"color": colour, "width": 2, "dash": dash},
            marker={"size": size, "color": colour, "line": {"width": 1, "color": "white"}},
            customdata=[[policy, i] for i in range(len(x))],
            hovertemplate="<b>%{y:.3g} %</b> after %{x:.3g} concepts"
            f"<br>{about(policy)}<extra>{policy}</extra>",
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
