"""Two pictures of a concept: how its scores spread, and where in the frame it lies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from app.format import number

BLUE = "#2A6F97"
BARE = {"displayModeBar": False}


def scores(histogram: pd.Series, groups: pd.DataFrame, *, unit: str) -> go.Figure:
    """Images by score, log count; dotted lines are the lower edges of the quantile groups."""
    counts = np.asarray(histogram["counts"], dtype=np.int64)
    edges = np.linspace(histogram["lo"], histogram["hi"], len(counts) + 1)
    figure = go.Figure(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=np.where(counts > 0, counts, np.nan),
            width=np.diff(edges),
            marker={"color": BLUE, "line": {"width": 0}},
            customdata=np.stack([edges[:-1], edges[1:]], axis=1),
            hovertemplate="%{y} images<br>score %{customdata[0]:.3g} to %{customdata[1]:.3g}"
            "<extra></extra>",
        )
    )
    for _, group in groups.iterrows():
        if group["name"] == "top" or "%" in group["name"]:
            figure.add_vline(x=group["lo"], line={"width": 1, "dash": "dot", "color": "#D55E00"})
    figure.update_layout(
        height=210,
        margin={"l": 0, "r": 0, "t": 6, "b": 0},
        bargap=0,
        xaxis={"title": f"score ({unit})"},
        yaxis={"type": "log", "title": "images", "dtick": 1, "rangemode": "tozero"},
    )
    return figure


def frame(mean_map: Float[np.ndarray, "h w"], *, signed: bool, unit: str) -> go.Figure:
    """Mean code at each place of the grid, over all images."""
    top = float(np.abs(mean_map).max()) or 1.0
    h, w = mean_map.shape
    figure = go.Figure(
        go.Heatmap(
            z=mean_map,
            zmin=-top if signed else 0,
            zmax=top,
            xgap=1,
            ygap=1,
            colorscale="RdBu_r" if signed else "Viridis",
            colorbar={
                "thickness": 9,
                "len": 0.9,
                "title": None,
                "tickvals": [-top, 0, top] if signed else [0, top],
                "ticktext": [number(v) for v in ([-top, 0, top] if signed else [0, top])],
            },
            hovertemplate=f"row %{{y}}, column %{{x}}: %{{z:.3g}} {unit}<extra></extra>",
        )
    )
    figure.update_layout(
        height=max(120, min(230, round(300 * h / w))),
        margin={"l": 0, "r": 0, "t": 4, "b": 0},
        xaxis={"visible": False, "constrain": "domain"},
        yaxis={"visible": False, "autorange": "reversed", "scaleanchor": "x"},
    )
    return figure
