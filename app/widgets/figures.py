"""Charts: their margins, legends, axes, reference lines, error bars, and how a page shows them.

Ground, grid and letters are the theme's, light or dark: Streamlit sets them, so nothing here does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.widgets import palette

Axis = dict[str, Any]

BARE = {"displayModeBar": False}
ZOOMED = {"displaylogo": False, "scrollZoom": True}
"""for a plane that people move about in"""
RING = {"width": 1, "color": "white"}
"""round a dot, so that dots that overlap are told apart"""
_NARROWEST = 40
"""px that the names of rows leave in a narrow window, where they would be cut otherwise"""


def axis(title: str, unit: str = "", **more: Any) -> Axis:
    """An axis with its title and unit; `more` are plotly's own settings."""
    words = f"{title}, {unit}" if unit == "%" else f"{title} ({unit})" if unit else title
    return {"title": words, **more}


def rows(titles: Sequence[str], **more: Any) -> Axis:
    """A vertical axis of things by name, the first on top, where data stand at 0, 1, 2 …"""
    return {
        "autorange": "reversed",
        "tickvals": list(range(len(titles))),
        "ticktext": list(titles),
        "automargin": True,
        **more,
    }


HIDDEN: Axis = {"visible": False}


def styled(
    figure: go.Figure,
    *,
    height: int,
    x: Axis,
    y: Axis,
    legend: Literal["left", "right"] | None = "left",
    **more: Any,
) -> go.Figure:
    """The figure laid out, its legend in a line above it; height in px, `more` as plotly has it."""
    figure.update_layout(
        height=height,
        minreducedwidth=_NARROWEST,
        margin={"l": 0, "r": 10, "t": 30 if legend else 8, "b": 0},
        legend={
            "orientation": "h",
            "y": 1.01,
            "yanchor": "bottom",
            "x": 1 if legend == "right" else 0,
            "xanchor": legend or "left",
        },
        xaxis=x,
        yaxis=y,
        **more,
    )
    return figure


def level(
    figure: go.Figure,
    value: float,
    *,
    on: Literal["x", "y"],
    text: str = "",
    colour: str = palette.CHANCE,
) -> None:
    """A dotted line across the figure where the axis has the value, with its name beside it.

    On a vertical axis the name stands at the line's left end, under it where the line is chance
    and above where somebody chose it.
    """
    line = {"width": 1, "dash": "dot", "color": colour}
    if on == "x":
        figure.add_vline(x=value, line=line)
    else:
        figure.add_hline(y=value, line=line)
    if text:
        figure.add_annotation(
            **{on: value, f"{_other(on)}": 0, f"{_other(on)}ref": "paper"},
            text=text,
            showarrow=False,
            xanchor="left",
            yanchor="top" if colour == palette.CHANCE else "bottom",
            font={"size": 11, "color": colour},
        )


def _other(on: str) -> str:
    return "y" if on == "x" else "x"


def interval(low: pd.Series, value: pd.Series, high: pd.Series, *, cap: float = 0) -> Axis:
    """Error bars from low to high, as `error_x` and `error_y` take them; cap in px."""
    return {
        "type": "data",
        "symmetric": False,
        "array": high - value,
        "arrayminus": value - low,
        "thickness": 1.4,
        "width": cap,
    }


def legend_only(figure: go.Figure, name: str, colour: str) -> None:
    """A line of the legend for dots whose own traces have none."""
    marker = {"size": 10, "color": colour}
    figure.add_scatter(x=[None], y=[None], mode="markers", name=name, marker=marker)


def show(figure: go.Figure, *, key: str) -> None:
    st.plotly_chart(figure, key=key, config=BARE)


def clicked(
    figure: go.Figure,
    *,
    key: str,
    config: Mapping[str, Any] = BARE,
    then: Callable[[], None] | Literal["rerun"] = "rerun",
) -> list[dict[str, Any]]:
    """Shows it; returns the points that are chosen, those first that were first clicked."""
    event = st.plotly_chart(
        figure, key=key, on_select=then, selection_mode="points", config=dict(config)
    )
    return list(event["selection"]["points"])
