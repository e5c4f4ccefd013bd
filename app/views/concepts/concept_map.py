"""The bank's directions on a plane, as laid out when the store was built."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from jaxtyping import Int

from app.format import concept_name, short
from app.widgets import figures, palette

COLOURS: dict[str, tuple[str, str]] = {
    "frequency": ("Frequency", "share of images"),
    "name_auc": ("Name AUC", "chance 0.5"),
    "class_entropy": ("Class entropy", "bits"),
    "position_entropy": ("Place entropy", "bits"),
    "density": ("Density", "share of tokens"),
    "peak_p99": ("Peak", "code"),
}
"""column -> (title, unit)"""
LABELLED = 60
"""up to this many, names stand beside the dots"""


def _sizes(frequency: pd.Series) -> np.ndarray:
    """Dot areas that grow with frequency; 6 to 22 px across, less where there are many."""
    top = max(float(frequency.max()), 1e-12)
    shrink = min(1.0, (400 / max(len(frequency), 1)) ** 0.5)
    small, large = 3 + 3 * shrink, 6 + 10 * shrink
    return (small + large * np.sqrt(frequency.to_numpy() / top)).astype(np.float32)


def _dots(
    rows: pd.DataFrame,
    *,
    name: str,
    marker: dict[str, object],
    hover: str = "",
    labelled: bool = False,
) -> go.Scattergl:
    titles = [
        short(concept_name(n, c), 24 if labelled else 60)
        for n, c in zip(rows["name"], rows["concept_id"], strict=True)
    ]
    return go.Scattergl(
        x=rows["umap_x"].to_numpy(np.float32),
        y=rows["umap_y"].to_numpy(np.float32),
        mode="markers+text" if labelled else "markers",
        name=short(name, 40),
        marker=marker,
        text=titles,
        textposition="top center",
        textfont={"size": 11},
        customdata=rows["concept_id"].to_numpy(),
        hovertemplate="<b>%{text}</b> #%{customdata}" + hover + "<extra></extra>",
    )


def chart(layout: pd.DataFrame, ids: Int[np.ndarray, " n"], *, by: str) -> go.Figure:
    """Concepts of `ids` in colour, the others of the bank in grey behind them."""
    figure = go.Figure()
    listed = layout["concept_id"].isin(ids)
    others, rows = layout[~listed], layout[listed]
    if not others.empty:
        figure.add_trace(
            _dots(
                others,
                name="not in the list",
                marker={"size": 5, "color": palette.faint(palette.REST, 0.35)},
            )
        )
    few = len(rows) <= LABELLED
    ring = figures.RING | {"color": "rgba(255,255,255,0.7)"}
    if by == "group":
        for i, (group, mine) in enumerate(rows.groupby(rows["grouping"].fillna("no group"))):
            figure.add_trace(
                _dots(
                    mine,
                    name=str(group),
                    labelled=few,
                    marker={
                        "size": _sizes(mine["frequency"]),
                        "line": ring,
                        "color": palette.SERIES[i % len(palette.SERIES)],
                    },
                )
            )
    else:
        title, unit = COLOURS[by]
        hover = f"<br>{title} %{{marker.color:.3g}} ({unit})"
        figure.add_trace(
            _dots(
                rows,
                name=title,
                labelled=few,
                hover=hover,
                marker={
                    "size": _sizes(rows["frequency"]),
                    "line": ring,
                    "color": rows[by].to_numpy(),
                    "colorscale": palette.standard(signed=False).plotly(),
                    "colorbar": {
                        "title": {"text": f"{title}<br>({unit})"},
                        "thickness": 12,
                        "len": 0.6,
                    },
                },
            )
        )
    return figures.styled(
        figure,
        height=620,
        x=figures.HIDDEN,
        y=figures.HIDDEN,
        uirevision="layout",
        showlegend=by == "group",
        dragmode="pan",
        clickmode="event+select",
    )
