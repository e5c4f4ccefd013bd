"""Concepts that two image sets differ in, largest first."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from app.components.format import concept_name, short

MORE, LESS, CHANCE = "#D55E00", "#0072B2", "#8A949A"


def _titles(rows: pd.DataFrame) -> list[str]:
    names = [concept_name(n, c) for n, c in zip(rows["name"], rows["concept_id"], strict=True)]
    return [
        short(n, 30) if n == f"#{c}" else f"{short(n, 26)} #{c}"
        for n, c in zip(names, rows["concept_id"], strict=True)
    ]


def _axis(figure: go.Figure, titles: list[str], *, title: str) -> go.Figure:
    figure.update_layout(
        height=70 + 25 * len(titles),
        margin={"l": 0, "r": 12, "t": 30, "b": 0},
        clickmode="event+select",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        xaxis={"title": title, "zeroline": True, "zerolinewidth": 1},
        yaxis={
            "autorange": "reversed",
            "tickvals": list(range(len(titles))),
            "ticktext": titles,
            "automargin": True,
        },
    )
    return figure


def energy(rows: pd.DataFrame, *, unit: str) -> go.Figure:
    """Differences with their bootstrap intervals; hollow where the interval holds 0."""
    figure = go.Figure()
    place = pd.Series(range(len(rows)), index=rows.index)
    for name, colour, mine in (
        ("more in B", MORE, rows[rows["difference"] > 0]),
        ("more in A", LESS, rows[rows["difference"] <= 0]),
    ):
        sure = (mine["lo"] > 0) | (mine["hi"] < 0)
        figure.add_scatter(
            x=mine["difference"],
            y=place[mine.index],
            mode="markers",
            name=name,
            customdata=mine[["concept_id", "lo", "hi", "energy_a", "energy_b", "delta"]].to_numpy(),
            error_x={
                "type": "data",
                "symmetric": False,
                "array": mine["hi"] - mine["difference"],
                "arrayminus": mine["difference"] - mine["lo"],
                "thickness": 1.4,
                "width": 3,
            },
            marker={
                "size": 10,
                "color": colour,
                "symbol": ["circle" if s else "circle-open" for s in sure],
                "line": {"width": 2, "color": colour},
            },
            hovertemplate="difference %{x:.3g}, 95 % interval %{customdata[1]:.3g} to "
            "%{customdata[2]:.3g}<br>mean in A %{customdata[3]:.3g}, in B %{customdata[4]:.3g}"
            "<br>δ %{customdata[5]:.3g}<extra></extra>",
        )
    return _axis(figure, _titles(rows), title=f"mean score in B minus in A ({unit})")


def within(rows: pd.DataFrame) -> go.Figure:
    """Size of the difference inside classes, with what chance alone makes of it."""
    place = list(range(len(rows)))
    figure = go.Figure(
        go.Bar(
            x=rows["within"],
            y=place,
            orientation="h",
            name="within classes",
            marker={"color": "#2A6F97"},
            customdata=rows[["concept_id", "chance", "p"]].to_numpy(),
            hovertemplate="%{x:.3g} standard deviations<br>chance %{customdata[1]:.3g}, "
            "p %{customdata[2]:.3g}<extra></extra>",
        )
    )
    for column, name, dash in (
        ("chance", "chance", "solid"),
        ("chance_95", "95 % of chance", "dot"),
    ):
        figure.add_scatter(
            x=rows[column],
            y=place,
            mode="lines+markers" if len(rows) == 1 else "lines",
            name=name,
            line={"color": MORE if dash == "solid" else CHANCE, "dash": dash, "width": 2},
            hovertemplate=f"{name} %{{x:.3g}}<extra></extra>",
        )
    figure.update_layout(bargap=0.35)
    return _axis(figure, _titles(rows), title="mean over classes of |difference|, in pooled SD")
