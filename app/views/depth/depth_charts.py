"""Labelled concepts over layers: how well a probe reads them, beside chance and control."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from app.format import short
from app.widgets import figures
from app.widgets.palette import CONTROL, SERIES


def lines(rows: pd.DataFrame, *, layers: list[str]) -> go.Figure:
    """One line a concept with its 95 % intervals, the mean control of them, and chance."""
    figure = go.Figure()
    for i, (_, mine) in enumerate(rows.groupby("labelled_id", sort=False)):
        colour = SERIES[i % len(SERIES)]
        figure.add_scatter(
            x=mine["position"] + 0.03 * (i - (rows["labelled_id"].nunique() - 1) / 2),
            y=mine["auc"],
            mode="lines+markers",
            name=short(str(mine["name"].iloc[0]), 30),
            line={"color": colour, "width": 2},
            marker={"size": 7},
            error_y=figures.interval(mine["lo"], mine["auc"], mine["hi"], cap=2),
            customdata=mine[["lo", "hi", "control", "n", "n_positive", "layer"]].to_numpy(),
            hovertemplate="AUC %{y:.3g}, 95 % interval %{customdata[0]:.3g} to "
            "%{customdata[1]:.3g}<br>random classes %{customdata[2]:.3g}<br>n = %{customdata[3]}, "
            "%{customdata[4]} with the label<br>%{customdata[5]}",
        )
    control = rows.groupby("position")["control"].mean()
    figure.add_scatter(
        x=control.index,
        y=control,
        mode="lines",
        name="control: random classes",
        line={"color": CONTROL, "width": 2, "dash": "dash"},
        hovertemplate="mean control %{y:.3g}<extra></extra>",
    )
    figures.level(figure, 0.5, on="y", text="chance 0.5")
    low = min(float(pd.concat([rows["lo"], control]).min()), 0.5)  # a control may be unknown
    return figures.styled(
        figure,
        height=430,
        x=figures.axis(
            "layer, from input to output",
            tickvals=list(range(len(layers))),
            ticktext=layers,
            range=[-0.25, len(layers) - 0.75],
            zeroline=False,
        ),
        y=figures.axis("AUC of the probe", range=[max(0.0, low - 0.03), 1.02]),
    )


def wide(rows: pd.DataFrame, positions: list[int]) -> pd.DataFrame:
    """A row a concept: name, group, AUC at each position, best position, its gain over the last,
    its control, selectivity, n and n with the label."""
    auc = rows.pivot(index="labelled_id", columns="position", values="auc")
    best = auc.idxmax(axis=1).astype(int)
    top = rows[rows["position"] == rows["labelled_id"].map(best)].sort_values("labelled_id")
    out = pd.DataFrame(
        {
            "labelled_id": auc.index,
            "Concept": top["name"].to_numpy(),
            "best": best.to_numpy(),
            "Best layer's AUC": top["auc"].to_numpy(),
            "from": top["lo"].to_numpy(),
            "to": top["hi"].to_numpy(),
            "Control": top["control"].to_numpy(),
            "Selectivity": top["auc"].to_numpy() - top["control"].to_numpy(),
            "Gain over last": top["auc"].to_numpy() - auc[positions[-1]].to_numpy(),
            "n": top["n"].to_numpy(),
            "n with": top["n_positive"].to_numpy(),
        }
    )
    for position in positions:
        out[f"at {position}"] = auc[position].to_numpy()
    return out
