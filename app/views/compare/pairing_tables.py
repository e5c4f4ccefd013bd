"""Pairs of concepts, and those left alone, with their strongest images."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import db
from app.format import concept_titles
from app.views.compare.pairing import Compared, Side
from app.widgets import defined, figures, minis, palette
from core import catalogue
from core.compare.matching import Matching
from data.queries import concepts

PICTURES = 2
KINDS = {
    kind: (one.title, one.meaning.removesuffix("."))
    for kind in ("scores", "maps", "cosine")
    for one in (catalogue.of(f"pair.{kind}"),)
}
"""title and meaning"""
AXES = {
    "scores": "correlation of scores",
    "maps": "correlation of maps",
    "cosine": "cosine of directions",
}
PICTURED = {"A ": "Its two strongest images in A", "B ": "Its two strongest images in B"}
DEFINED = {
    one.heading: one for one in catalogue.DEFINITIONS.values() if one.key.startswith("pair.")
}
DEFINED["Change"] = catalogue.of("pair.change")
"""by column of the table"""


def strengths(found: Matching, chance: np.ndarray, *, threshold: float, kind: str) -> go.Figure:
    """Likeness of the pairs from best to worst, beside pairs made by chance."""
    figure = go.Figure()
    for name, values, colour, dash in (
        ("pairs", found.value, palette.BLUE, "solid"),
        ("by chance", np.sort(chance)[::-1], palette.CHANCE, "dash"),
    ):
        figure.add_scatter(
            x=np.arange(1, len(values) + 1),
            y=values,
            mode="lines",
            name=name,
            line={"color": colour, "width": 2.5, "dash": dash},
            hovertemplate=f"{name}: pair %{{x}}, %{{y:.3g}}<extra></extra>",
        )
    figures.level(figure, threshold, on="y", text="threshold", colour=palette.THRESHOLD)
    return figures.styled(
        figure,
        height=270,
        x=figures.axis("pairs, best first"),
        y=figures.axis(AXES[kind], range=[min(-0.05, float(chance.min())), 1.03]),
    )


@st.cache_data(max_entries=64, show_spinner=False)
def _strips(side: Side, ids: tuple[int, ...]) -> dict[int, str | None]:
    found = concepts.thumbs(db.cursor(side.stem), side.bank_id, ids, n=PICTURES)
    of = found["concept_id"]
    return {i: minis.strip([bytes(t) for t in found["thumb"][of == i]]) for i in ids}


def _titles(side: pd.DataFrame) -> list[str]:
    names = concept_titles(side["name"], side["concept_id"])
    ids = side["concept_id"]
    return [n if n == f"#{c}" else f"{n} #{c}" for n, c in zip(names, ids, strict=True)]


def _config(names: list[str]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name in names:
        if name in PICTURED:
            out[name] = st.column_config.ImageColumn(
                f"Images of {name.strip()}",
                width=PICTURES * minis.SIDE + 16,
                help=PICTURED[name],
            )
        elif name in DEFINED:
            one = DEFINED[name]
            out[name] = defined.column(one, width=128 if one.format == "text" else 66)
        else:
            out[name] = st.column_config.TextColumn(name, width=128)
    return out


def pairs(
    one: Side, two: Side, c: Compared, found: Matching, places: np.ndarray, *, key: str
) -> tuple[Side, int] | None:
    """The pairs at `places` of the matching; returns the side and concept that was clicked."""
    at, to = found.left[places], found.right[places]
    left, right = c.left.iloc[at], c.right.iloc[to]
    a, b = (tuple(int(i) for i in side["concept_id"]) for side in (left, right))
    strips = _strips(one, a), _strips(two, b)
    columns: dict[str, Any] = {
        "A ": [strips[0][i] for i in a],
        "A": _titles(left),
        "B ": [strips[1][i] for i in b],
        "B": _titles(right),
    }
    for kind, values in c.likeness.items():
        columns[KINDS[kind][0]] = values[at, to]
    if c.shift is not None:
        columns["Shift"] = c.shift["shift"].to_numpy()[at]
        columns["Along"] = c.shift["along"].to_numpy()[at]
    columns["in A, %"] = 100 * left["active"].to_numpy()
    columns["in B, %"] = 100 * right["active"].to_numpy()
    columns["Change"] = columns["in B, %"] - columns["in A, %"]
    cell = _table(columns, key=key)
    if cell is None:
        return None
    row, column = cell
    in_b = column in ("B", "B ", "in B, %")
    return (two, b[row]) if in_b else (one, a[row])


def alone(
    side: Side, rows: pd.DataFrame, best: np.ndarray, match: list[str], *, letter: str, key: str
) -> int | None:
    """Concepts without a partner; returns the one that was clicked."""
    ids = tuple(int(i) for i in rows["concept_id"])
    strips = _strips(side, ids)
    columns = {
        f"{letter} ": [strips[i] for i in ids],
        "Concept": _titles(rows),
        f"in {letter}, %": 100 * rows["active"].to_numpy(),
        "Best": best,
        "Best match": match,
    }
    cell = _table(columns, key=key)
    return None if cell is None else ids[cell[0]]


def titles(side: pd.DataFrame, places: np.ndarray) -> list[str]:
    return _titles(side.iloc[places])


def _table(columns: dict[str, Any], *, key: str) -> tuple[int, str] | None:
    n = len(next(iter(columns.values())))
    event = defined.table(
        pd.DataFrame(columns),
        hide_index=True,
        key=key,
        row_height=minis.SIDE + 6,
        height=min(640, 42 + (minis.SIDE + 6) * n),
        column_config=_config(list(columns)),
        on_select="rerun",
        selection_mode="single-cell",
        placeholder="",
    )
    cells = event["selection"]["cells"]
    return (int(cells[0][0]), str(cells[0][1])) if cells else None
