"""Accuracies side by side: one row a model, one dot a split, chance as a tick; and what they are
read out of."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from app.format import MISSING, number, short
from app.widgets import figures, palette
from core.kinds import FITTED, TEST, TRAIN, VAL
from data.queries.build import BuildFacts

COLOURS = {
    TRAIN: palette.REST,
    VAL: palette.OLIVE,
    TEST: palette.BLUE,
    "shifted": palette.VERMILION,
}
FURTHER = (palette.GREEN, palette.PURPLE, palette.ORANGE)

TARGETS = {"label": "label", "backbone": "backbone"}


def read_out(facts: BuildFacts) -> str:
    """How the model's logits follow from the layer, in words."""
    linear = [
        token
        for token, holds in (("mean token", facts.linear), ("CLS token", facts.cls_linear))
        if holds
    ]
    told = f"linear in the {' and in the '.join(linear)}" if linear else "not linear in a token"
    return told + ("; patches are not read" if facts.reads_patches is False else "")


def wide(accuracies: pd.DataFrame) -> pd.DataFrame:
    """Model, target and, for each split, accuracy in per cent and, of a head, in brackets that of
    the same head made from random directions. Each target ends in a row of chance with n; a cell
    of another n or chance says so."""
    out: list[dict[str, object]] = []
    for target, mine in sorted(accuracies.groupby("target"), reverse=True):
        title = TARGETS.get(str(target), str(target))
        luck = {str(split): of.iloc[0] for split, of in mine.groupby("split")}
        rows: dict[str, dict[str, object]] = {}
        for _, row in mine.iterrows():
            line = rows.setdefault(str(row["model"]), {"Model": row["model"], "Target": title})
            same = luck[str(row["split"])]
            text = f"{number(100 * row['accuracy'])} %"
            if row["n"] != same["n"] or row["chance"] != same["chance"]:
                text += f" of {int(row['n']):,}, chance {number(100 * row['chance'])} %"
            if not pd.isna(row.get("control")):
                text += f" (random {number(100 * row['control'])} %)"
            line[str(row["split"])] = text
        chance: dict[str, object] = {"Model": "chance", "Target": title}
        for split, row in luck.items():
            chance[split] = f"{number(100 * row['chance'])} % · n {int(row['n']):,}"
        out += [*rows.values(), chance]
    return pd.DataFrame(out).fillna(MISSING)


def chart(accuracies: pd.DataFrame, splits: list[str]) -> go.Figure:
    """Dots of one model are joined, so that the fall from split to split is a length."""
    target = "label" if (accuracies["target"] == "label").any() else "backbone"
    frame = accuracies[accuracies["target"] == target].rename(columns={"model": "title"})
    titles = list(dict.fromkeys(frame["title"]))
    figure = go.Figure()
    for title in titles:
        held = frame[(frame["title"] == title) & ~frame["split"].isin(FITTED)]
        figure.add_scatter(
            x=100 * held["accuracy"],
            y=[title] * len(held),
            mode="lines",
            hoverinfo="skip",
            line={"width": 5, "color": palette.faint(palette.VERMILION, 0.25)},
            showlegend=False,
        )
    spare = iter(FURTHER * len(splits))
    for split in splits:
        rows = frame[frame["split"] == split]
        colour = COLOURS.get(split) or next(spare)
        facts = rows[["n", "chance"]].to_numpy()
        figure.add_scatter(
            x=100 * rows["chance"],
            y=rows["title"],
            mode="markers",
            showlegend=False,
            marker={"symbol": "line-ns", "size": 13, "line": {"width": 2, "color": colour}},
            hovertemplate=f"chance on {split}: %{{x:.3g}} %<extra></extra>",
        )
        figure.add_scatter(
            x=100 * rows["accuracy"],
            y=rows["title"],
            mode="markers",
            name=split,
            marker={"size": 11, "color": colour, "line": figures.RING},
            customdata=facts,
            hovertemplate=f"<b>{split}</b> %{{x:.3g}} % of %{{customdata[0]:,}} images<br>"
            "chance %{customdata[1]:.3p}<extra>%{y}</extra>",
        )
    return figures.styled(
        figure,
        height=84 + 38 * len(titles),
        x=figures.axis("top-1 accuracy", "%", range=[0, 102], ticksuffix=" %"),
        y=figures.rows([short(t, 30) for t in titles], tickvals=titles),
    )
