"""What a class rests on: the parts of its logit, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.format import number, percent, short, signed
from app.widgets import figures
from app.widgets.palette import AGAINST, FOR, REST

_WIDTH = 0.7
"""of a bar; a trace of few bars would make them as wide as its gaps"""
_VALUES = 100
"""px right of the bars, where their numbers stand apart from bars and names"""
_SMALL = {"size": 11}


def chart(parts: pd.DataFrame) -> go.Figure:
    """`parts` as `class_parts.parts`, in the order drawn."""
    figure = go.Figure()
    place = pd.Series(range(len(parts)), index=parts.index)
    of_concept = parts["kind"] == "concept"
    for title, colour, chosen in (
        ("for the class", FOR, of_concept & (parts["value"] > 0)),
        ("against it", AGAINST, of_concept & (parts["value"] <= 0)),
        ("all else", REST, ~of_concept),
    ):
        mine = parts[chosen]
        figure.add_bar(
            x=mine["value"],
            y=place[mine.index],
            orientation="h",
            width=_WIDTH,
            name=title,
            showlegend=not mine.empty,
            marker={"color": colour},
            customdata=mine[["concept_id"]].to_numpy(),
            hovertext=[_about(r) for r in mine.to_dict("records")],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    for at, row in enumerate(parts.to_dict("records")):
        figure.add_annotation(
            x=1, xref="paper", xanchor="left", y=at, text=_beside(row), showarrow=False, font=_SMALL
        )
    return figures.styled(
        figure,
        height=106 + 25 * len(parts),
        x=figures.axis("mean contribution, logits<br>(share of logit - bias)", nticks=5),
        y=figures.rows([short(title, 26) for title in parts["title"]], tickfont=_SMALL),
        barmode="overlay",
        clickmode="event+select",
        margin_r=_VALUES,
    )


def _beside(row: Mapping[Any, Any]) -> str:
    share = float(row["of_logit"])
    text = signed(row["value"])
    return text if np.isnan(share) else f"{text} ({percent(share / 100)})"


def _about(row: Mapping[Any, Any]) -> str:
    share, size = float(row["of_logit"]), float(row["of_size"])
    lines = [f"<b>{short(str(row['title']), 60)}</b>"]
    lines.append(f"mean contribution {signed(row['value'])} logits")
    if not np.isnan(share):
        lines.append(f"share of the logit {percent(share / 100)}")
    if not np.isnan(size):
        lines.append(f"share of the size of all contributions {number(size)} %")
    return "<br>".join(lines)
