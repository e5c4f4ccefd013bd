"""Two pictures of a concept: how its scores spread, and where in the frame it lies."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Float

from app.format import number
from app.widgets import figures, palette
from data.queries.concept import Histogram


def scores(histogram: Histogram, groups: pd.DataFrame, *, unit: str) -> go.Figure:
    """Images by score, log count; dotted lines are the lower edges of the quantile groups."""
    counts = np.array(histogram.counts, dtype=np.int64)
    edges = np.linspace(histogram.lo, histogram.hi, len(counts) + 1)
    figure = go.Figure(
        go.Bar(
            x=(edges[:-1] + edges[1:]) / 2,
            y=np.where(counts > 0, counts, np.nan),
            width=np.diff(edges),
            marker={"color": palette.PRIMARY, "line": {"width": 0}},
            customdata=np.stack([edges[:-1], edges[1:]], axis=1),
            hovertemplate="%{y} images<br>score %{customdata[0]:.3g} to %{customdata[1]:.3g}"
            "<extra></extra>",
        )
    )
    for _, group in groups.iterrows():
        if group["name"] == "top" or "%" in group["name"]:
            figures.level(figure, group["lo"], on="x", colour=palette.THRESHOLD)
    return figures.styled(
        figure,
        height=210,
        x=figures.axis("score", unit),
        y=figures.axis("images", type="log", dtick=1, rangemode="tozero"),
        legend=None,
        bargap=0,
    )


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
            colorscale=palette.standard(signed=signed).plotly(),
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
    return figures.styled(
        figure,
        height=max(120, min(230, round(300 * h / w))),
        x=figures.HIDDEN | {"constrain": "domain"},
        y=figures.HIDDEN | {"autorange": "reversed", "scaleanchor": "x"},
        legend=None,
    )
