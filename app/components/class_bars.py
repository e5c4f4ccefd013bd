"""What a class rests on: shares of its logit, as bars."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from app.components.format import concept_name, short, signed

FOR, AGAINST, REST = "#B2182B", "#2166AC", "#9AA5AB"
_WIDTH = 0.7
"""of a bar; a trace of few bars would make them as wide as its gaps"""


def chart(shown: pd.DataFrame, *, n_rest: int) -> go.Figure:
    """`shown` as `queries.classes.importances`, in the order drawn, and the rest as one bar."""
    names = [
        short(n if n == f"#{c}" else f"{n} #{c}", 32)
        for n, c in zip(
            map(concept_name, shown["name"], shown["concept_id"]), shown["concept_id"], strict=True
        )
    ]
    figure = go.Figure()
    place = pd.Series(range(len(shown)), index=shown.index)
    for title, colour, mine in (
        ("for the class", FOR, shown[shown["value"] > 0]),
        ("against it", AGAINST, shown[shown["value"] <= 0]),
    ):
        figure.add_bar(
            x=100 * mine["share"],
            y=place[mine.index],
            orientation="h",
            width=_WIDTH,
            name=title,
            showlegend=not mine.empty,
            marker={"color": colour},
            text=[signed(float(v)) for v in mine["value"]],
            textposition="outside",
            cliponaxis=False,
            customdata=mine[["concept_id", "value", "n"]].to_numpy(),
            hovertemplate="share of the logit %{x:.3g} %<br>mean contribution "
            "%{customdata[1]:+.3g} logits<br>%{customdata[2]:,} images<extra></extra>",
        )
    if n_rest > 0:
        figure.add_bar(
            x=[max(0.0, 100 * (1 - float(shown["share"].sum())))],
            y=[len(shown)],
            orientation="h",
            width=_WIDTH,
            showlegend=False,
            marker={"color": REST},
            hovertemplate=f"{n_rest:,} further concepts together: %{{x:.3g}} %<extra></extra>",
        )
        names.append(f"{n_rest:,} other{'s' if n_rest > 1 else ''}")
    figure.update_layout(
        height=90 + 25 * len(names),
        barmode="overlay",
        margin={"l": 0, "r": 44, "t": 30, "b": 0},
        clickmode="event+select",
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        xaxis={"title": "share of the logit, %", "rangemode": "tozero"},
        yaxis={
            "autorange": "reversed",
            "tickvals": list(range(len(names))),
            "ticktext": names,
            "automargin": True,
        },
    )
    return figure
