"""Labels read off plain activations, off the best concept, and off the best few, side by side."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.format import concept_name, number, short
from app.widgets import defined, figures, palette

KINDS = {"raw": "plain probe", "latent": "best latent", "top": "top latents"}
COLOURS = {"raw": palette.GREY, "latent": palette.VERMILION, "top": palette.BLUE}
PLAIN, EVEN, BANK = "plain probe", "even", "bank"


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """One row a bank: mean AUC of its two kinds beside the plain probe, and on how many of the
    Labels probed either side wins, as numbers."""
    rows: dict[str, dict[str, Any]] = {}
    for _, row in found.iterrows():
        line = rows.setdefault(row["bank"], {"Bank": row["bank"], "Labels": row["n"]})
        kind = "latent" if row["kind"] == "latent" else "top"
        line[f"{kind} auc"] = row["auc"]
        line["raw auc"] = row["raw_auc"]
        line[f"{kind} loses"] = int(row["plain_wins"])
        line[f"{kind} wins"] = int(row["bank_wins"])
    return pd.DataFrame(list(rows.values()))


def summary_table(rows: pd.DataFrame) -> None:
    defined.table(
        rows,
        key="probe-summary",
        hide_index=True,
        placeholder="",
        column_order=[
            "Bank",
            "Labels",
            "raw auc",
            "latent auc",
            "latent loses",
            "latent wins",
            "top auc",
            "top loses",
            "top wins",
        ],
        column_config={
            "Bank": st.column_config.TextColumn(width=160),
            "Labels": defined.column("probe_summary.labels"),
            "raw auc": defined.column("probe_summary.raw_auc", form="%.3f", width=100),
            "latent auc": defined.column("probe_summary.latent_auc", form="%.3f", width=100),
            "latent loses": defined.column("probe_summary.latent_loses"),
            "latent wins": defined.column("probe_summary.latent_wins"),
            "top auc": defined.column("probe_summary.top_auc", form="%.3f", width=100),
            "top loses": defined.column("probe_summary.top_loses"),
            "top wins": defined.column("probe_summary.top_wins"),
        },
    )


def winner(lo: float, hi: float) -> str:
    """Whom the interval of an AUC difference, concepts minus plain probe, speaks for."""
    return PLAIN if hi < 0 else BANK if lo > 0 else EVEN


def prepared(found: pd.DataFrame) -> pd.DataFrame:
    """Adds who wins, intervals as text, and the best latent's title."""
    rows = found.copy()
    for kind in KINDS:
        rows[f"{kind}_range"] = [
            f"{number(lo)} to {number(hi)}"
            for lo, hi in zip(rows[f"{kind}_lo"], rows[f"{kind}_hi"], strict=True)
        ]
    for kind in ("latent", "top"):
        rows[f"{kind}_winner"] = [
            winner(lo, hi)
            for lo, hi in zip(rows[f"{kind}_gain_lo"], rows[f"{kind}_gain_hi"], strict=True)
        ]
    rows["flag"] = [
        "▲ plain probe wins" if a == b == PLAIN else "▲ over the latent" if a == PLAIN else ""
        for a, b in zip(rows["latent_winner"], rows["top_winner"], strict=True)
    ]
    rows["best"] = [
        concept_name(name, int(i))
        for name, i in zip(rows["concept"], rows["concept_id"], strict=True)
    ]
    return rows


def table(rows: pd.DataFrame, *, key: str) -> int | None:
    """Returns the best latent of the row that was clicked."""

    n_top = int(rows["top_n"].max())
    auc: dict[str, Any] = {"form": "%.3f", "width": 78}
    config = {
        "target": st.column_config.TextColumn("Label", pinned=True, width=150),
        "what": defined.column("probe.what", width=70),
        "flag": defined.column("probe.flag", width=140),
        "nap": defined.column("probe.nap", **auc),
        "raw_auc": defined.column("probe.raw_auc", **auc),
        "raw_range": defined.column("probe.range", width=106),
        "latent_auc": defined.column("probe.latent_auc", **auc),
        "latent_range": defined.column("probe.range", title="95 % ", width=106),
        "top_auc": defined.column(
            "probe.top_auc", title=f"Top {n_top} AUC", about=f"{n_top} concepts here.", **auc
        ),
        "top_range": defined.column("probe.range", title="95 %  ", width=106),
        "best": defined.column("probe.best", width=120),
        "nap_chance": defined.column("probe.nap_chance", **auc),
        "n_positive": defined.column("probe.n_positive", width=60),
        "n": defined.column("probe.n", width=56),
    }
    event = defined.table(
        rows,
        key=key,
        hide_index=True,
        column_order=list(config),
        column_config=config,
        on_select="rerun",
        selection_mode="single-cell",
        placeholder="",
        height=min(520, 38 + 35 * len(rows)),
    )
    return defined.clicked(event, rows["concept_id"])


def chart(rows: pd.DataFrame) -> go.Figure:
    """A line a label, least learnable first: three AUCs with their intervals."""
    shown = rows.sort_values(["raw_auc", "target"], kind="stable").head(24)
    figure = go.Figure()
    at = list(range(len(shown)))
    for offset, kind in zip((-0.24, 0.0, 0.24), KINDS, strict=True):
        value = shown[f"{kind}_auc"]
        figure.add_scatter(
            x=value,
            y=[i + offset for i in at],
            mode="markers",
            name=KINDS[kind],
            marker={"size": 7, "color": COLOURS[kind]},
            error_x=figures.interval(shown[f"{kind}_lo"], value, shown[f"{kind}_hi"]),
            customdata=shown[["target", f"{kind}_range", "n_positive", "n"]],
            hovertemplate="<b>%{customdata[0]}</b><br>AUC %{x:.3f} (%{customdata[1]})<br>"
            "%{customdata[2]} of %{customdata[3]} images have it<extra>" + KINDS[kind] + "</extra>",
        )
    figures.level(figure, 0.5, on="x")
    return figures.styled(
        figure,
        height=90 + 24 * len(shown),
        x=figures.axis("AUC on held-out images (dotted: chance)"),
        y=figures.rows([short(t, 26) for t in shown["target"]]),
    )
