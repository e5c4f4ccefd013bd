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
            text=[_beside(r) for r in mine.to_dict("records")],
            textposition="outside",
            cliponaxis=False,
            customdata=mine[["concept_id"]].to_numpy(),
            hovertext=[_about(r) for r in mine.to_dict("records")],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    ends = [0.0, *parts["value"].astype(float)]
    margin = 0.28 * (max(ends) - min(ends) or 1.0)
    return figures.styled(
        figure,
        height=90 + 25 * len(parts),
        x=figures.axis(
            "mean contribution, logits (share of logit - bias)",
            range=[
                min(ends) - (margin if min(ends) < 0 else 0),
                max(ends) + (margin if max(ends) > 0 else 0),
            ],
        ),
        y=figures.rows([short(title, 32) for title in parts["title"]]),
        barmode="overlay",
        clickmode="event+select",
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
