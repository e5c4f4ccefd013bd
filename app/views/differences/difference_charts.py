"""The largest differences in both directions, with interval and chance."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from app.format import number, short, signed, with_id
from app.widgets import figures
from app.widgets.palette import CHANCE, LESS, MORE, faint

LEGEND = {
    "energy": ("stronger in B", "weaker in B"),
    "within": ("stronger in B", "weaker in B"),
    "tie": ("tied closer in B", "tied looser in B"),
}


def largest(rows: pd.DataFrame, *, kind: str, unit: str, classes: dict[int, str]) -> go.Figure:
    """`rows` as `top.picked` gives them; hollow where it is not beyond chance."""
    figure = go.Figure()
    place = list(range(len(rows)))
    if kind != "energy":
        low = 0 * rows["chance_95"] if kind == "within" else -rows["chance_95"]
        figure.add_bar(
            x=rows["chance_95"] - low,
            base=low,
            y=place,
            orientation="h",
            hoverinfo="skip",
            marker={"color": faint(CHANCE, 0.5), "line": {"width": 0}},
            width=0.5,
            name="95 % of chance",
        )
    above = (rows["value"] > 0).to_numpy()
    for name, colour, mine in zip(LEGEND[kind], (MORE, LESS), (above, ~above), strict=True):
        _points(figure, rows[mine], [y for y in place if mine[y]], colour, kind, classes)
        figures.legend_only(figure, name, colour)
    titles = {
        "energy": f"mean score in B minus in A ({unit})",
        "within": "B − A inside classes (pooled SD)",
        "tie": "tie to the class in B minus in A",
    }
    return _axis(figure, _titles(rows), title=titles[kind])


def _points(
    figure: go.Figure,
    rows: pd.DataFrame,
    place: list[int],
    colour: str,
    kind: str,
    classes: dict[int, str],
) -> None:
    figure.add_scatter(
        x=rows["value"],
        y=place,
        mode="markers",
        showlegend=False,
        customdata=rows[["concept_id"]].to_numpy(),
        hovertext=[_hover(row, kind, classes) for _, row in rows.iterrows()],
        hovertemplate="%{hovertext}<extra></extra>",
        error_x=None
        if kind == "within"
        else figures.interval(rows["lo"], rows["value"], rows["hi"], cap=3),
        marker={
            "size": 10,
            "color": colour,
            "symbol": ["circle" if s else "circle-open" for s in rows["sure"]],
            "line": {"width": 2, "color": colour},
        },
    )


def _hover(row: pd.Series, kind: str, classes: dict[int, str]) -> str:
    lines = [signed(row["value"])]
    if kind != "within":
        lines[0] += f", 95 % interval {signed(row['lo'])} to {signed(row['hi'])}"
    judged = f"p {number(row['p'])}, q {number(row['q'])}"
    if kind == "energy":
        lines += [
            judged,
            f"mean in A {number(row['energy_a'])}, in B {number(row['energy_b'])}",
            f"δ {number(row['delta'])}",
        ]
        return "<br>".join(lines)
    lines.append(f"95 % of chance {number(abs(row['chance_95']))}, {judged}")
    if kind == "tie":
        lines.append(f"tie in A {number(row['tie_a'])}, in B {number(row['tie_b'])}")
    for side in ("more", "less"):
        of = short(classes.get(int(row[f"class_{side}"]), "?"), 30)
        lines.append(f"most {side} in {of}: {signed(row[f'class_{side}_by'])} SD")
    return "<br>".join(lines)


def _titles(rows: pd.DataFrame) -> list[str]:
    found = zip(rows["name"], rows["concept_id"], rows["name_source"], strict=True)
    return [short(with_id(name, int(c), source=source), 30) for name, c, source in found]


def _axis(figure: go.Figure, titles: list[str], *, title: str) -> go.Figure:
    return figures.styled(
        figure,
        height=86 + 25 * len(titles),
        x=figures.axis(title, zeroline=True, zerolinewidth=1),
        y=figures.rows(titles),
        legend="right",
        clickmode="event+select",
    )
