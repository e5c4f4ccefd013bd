"""Values as dots, chance as a tick, random directions as an open diamond."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

import pandas as pd
import plotly.graph_objects as go

from app.format import number, short
from app.views.metrics.lines import Line
from app.widgets import figures
from app.widgets.palette import CHANCE, SERIES, faint

SYMBOLS = (
    "circle",
    "square",
    "triangle-up",
    "star",
    "cross",
    "triangle-down",
    "x",
    "pentagon",
    "bowtie",
)
_ROW = 15
"""pixels a subject of a line"""


class Mark(NamedTuple):
    subject: str
    y: float
    line: Line
    row: pd.Series


class Style(NamedTuple):
    colour: str
    symbol: str


def styles(found: pd.DataFrame) -> dict[str, Style]:
    """One colour a bank and one symbol a head of it, by subject, for the whole page; where banks
    are more than colours, those of one colour differ in their symbols."""
    banks = list(dict.fromkeys(found["bank_id"].dropna()))
    out: dict[str, Style] = {}
    for scope in ("head", "bank"):  # never in one chart
        used = dict.fromkeys(SERIES, 0)
        mine = found[found["scope"] == scope]
        for bank_id, rows in mine.groupby("bank_id"):
            colour = SERIES[banks.index(bank_id) % len(SERIES)]
            for subject in dict.fromkeys(rows["subject"]):
                style = Style(colour, SYMBOLS[used[colour] % len(SYMBOLS)])
                out.setdefault(str(subject), style)
                used[colour] += 1
    return out


def dots(found: pd.DataFrame, lines: list[Line], looks: dict[str, Style]) -> go.Figure:
    """One row a line; the subjects that have it stand below one another in it."""
    present = [subject for subject in dict.fromkeys(found["subject"]) if subject in looks]
    figure = go.Figure()
    step = 0.8 / max(len(present), 1)
    marks: list[Mark] = []
    for i, line in enumerate(lines):
        mine = found[(found["name"] == line.name) & (found["variant"] == line.variant)]
        for place, subject in enumerate(present):
            for _, row in mine[mine["subject"] == subject].iterrows():
                y = i + (place - (len(present) - 1) / 2) * step
                marks.append(Mark(subject, y, line, row))
    for kind, style in (
        ("chance", {"symbol": "line-ns", "size": 10, "line": {"width": 2, "color": CHANCE}}),
        ("control", {"symbol": "diamond-open", "size": 9, "color": CHANCE, "line": {"width": 2}}),
    ):
        shown = [mark for mark in marks if pd.notna(mark.row[kind])]
        figure.add_scatter(
            x=[mark.row[kind] for mark in shown],
            y=[mark.y for mark in shown],
            mode="markers",
            name={"chance": "chance", "control": "random directions"}[kind],
            marker=style,
            hoverinfo="skip",
            visible=True if shown else "legendonly",
            showlegend=bool(shown),
        )
    for subject in present:
        own = [mark for mark in marks if mark.subject == subject]
        look = looks[subject]
        figure.add_scatter(
            x=[mark.row["value"] for mark in own],
            y=[mark.y for mark in own],
            mode="markers",
            name=short(subject, 30),
            marker={
                "size": 11,
                "color": look.colour,
                "symbol": look.symbol,
                "line": figures.RING,
            },
            text=[_hover(mark.line, mark.row) for mark in own],
            hovertemplate="%{text}<extra></extra>",
        )
    drawn = [
        float(mark.row[kind])
        for mark in marks
        for kind in ("value", "chance", "control")
        if pd.notna(mark.row[kind])
    ]
    least, most = min([0.0, *drawn]), max([0.0, *drawn])
    # small numbers are not lost in a scale that ends at 1
    top = max(1.0, most) if most > 0.5 else most * 1.1
    figures.styled(
        figure,
        height=96 + (_ROW * max(len(present), 1) + 12) * len(lines),
        x={"range": [least - 0.01 * (top - least), top + 0.02 * (top - least)]},
        y=figures.rows(
            [line.label for line in lines],
            autorange=False,
            range=[len(lines) - 0.45, -0.55],
            showgrid=False,
            zeroline=False,
        ),
    )
    for i in range(1, len(lines)):
        figure.add_hline(y=i - 0.5, line={"width": 1, "color": faint(CHANCE, 0.18)})
    return figure


def _hover(line: Line, row: pd.Series) -> str:
    beside = [
        f"{word} {number(row[kind])}"
        for kind, word in (("chance", "chance"), ("control", "random directions"))
        if pd.notna(row[kind])
    ]
    words = "<br>".join(textwrap.wrap(line.about, 64))
    name = str(row["subject"]).replace("<", "‹")
    return (
        f"<b>{name}</b> · {line.label}<br><b>{number(row['value'])}</b> · n {int(row['n']):,} · "
        f"{row['split']}<br>{' · '.join(beside)}<br>{words}"
    )
