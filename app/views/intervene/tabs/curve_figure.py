"""The curves drawn: one line a policy, chance, and a band for orders that are drawn."""

from __future__ import annotations

from itertools import cycle
from typing import NamedTuple

import numpy as np
import plotly.graph_objects as go

from app.format import number
from app.views.intervene.tabs import curve_data
from app.views.intervene.tabs.curve_data import Line
from app.widgets import figures, palette
from core.intervention.policies import POLICIES

ADVICE = (*palette.SERIES[:5], *palette.MUTED[:3])
BOUNDS = (palette.VERMILION, palette.OLIVE, palette.MUTED[3])
"""of policies that need the truth; dotted"""
DRAWN, CONTROL = palette.CHANCE, palette.CONTROL


class Measured(NamedTuple):
    title: str
    unit: str
    """"": none, as of an area under a curve"""

    @property
    def scale(self) -> int:
        return 100 if self.unit == "%" else 1


MEASURES = {
    "accuracy": Measured("Accuracy", "%"),
    "probability": Measured("Mean probability of the true class", "%"),
    "auc": Measured("AUROC, mean of labels", ""),
    "loss": Measured("Binary cross-entropy, mean of labels", "bits"),
}


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
    known, told = styles(), MEASURES[measure]
    for policy, line in lines.items():
        colour, dash = known[policy]
        x = line.curve.corrected
        if line.low is not None and line.high is not None:
            for edge, fill in ((line.high[measure], None), (line.low[measure], "tonexty")):
                figure.add_scatter(
                    x=x,
                    y=told.scale * edge,
                    mode="lines",
                    line={"width": 0},
                    fill=fill,
                    fillcolor=palette.faint(palette.CHANCE, 0.25),
                    hoverinfo="skip",
                    showlegend=False,
                )
        size = [13 if (policy, i) == marked else 6 for i in range(len(x))]
        figure.add_scatter(
            x=x,
            y=told.scale * line.values[measure],
            mode="lines+markers",
            name=policy,
            line={"color": colour, "width": 2, "dash": dash},
            marker={"size": size, "color": colour, "line": figures.RING},
            customdata=[[policy, i] for i in range(len(x))],
            hovertemplate=f"<b>%{{y:.3g}} {told.unit}</b> after %{{x:.3g}} concepts<br>"
            f"{about(policy)}<extra>{policy}</extra>",
        )
    shown = np.concatenate(
        [
            part
            for line in lines.values()
            for part in (
                [line.values[measure]]
                + ([line.low[measure], line.high[measure]] if line.low and line.high else [])
            )
        ]
    )
    low, high = told.scale * float(shown.min()), told.scale * float(shown.max())
    one = told.scale / 100
    margin = max(one, 0.08 * (high - low))
    if chance is not None:
        level = told.scale * chance
        if low - 15 * one < level < high + 15 * one:
            low, high = min(low, level), max(high, level)
            text = f"chance {number(level)} {told.unit}".strip()
            figures.level(figure, level, on="y", text=text)
    return figures.styled(
        figure,
        height=430,
        x=figures.axis("concepts corrected (mean over images)", rangemode="tozero"),
        y=figures.axis(told.title, told.unit, range=[low - margin, high + margin]),
        hovermode="closest",
        legend_traceorder="normal",
        clickmode="event+select",
        dragmode="pan",
    )
