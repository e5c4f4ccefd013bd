"""What an edit of latents does to decisions: on the target, on the retained, beside random ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from jaxtyping import Bool, Int64

from app.format import percent, rate, short, signed
from app.views.intervene import thumbs, whole
from app.views.intervene.tabs import latent_edits
from app.views.intervene.tabs.latent_edits import Aimed, Edit, Outcome
from app.widgets import figures, palette
from core.counted import counted
from data.queries.build import HeadFacts

FACTORS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
COLOURS = {"target": palette.TARGET, "retained": palette.RETAINED}
BARS = 12
"""classes of the chart"""
TWO_LINES = 50
"""px above a chart for a legend of two lines; both charts have it, so that they stand level"""


def _chance(found: whole.Whole, rows: Bool[np.ndarray, " n"]) -> str:
    """How often what is commonest is right, in words."""
    share = whole.chance(found, rows)
    if found.labels is not None:
        return f"chance (of each label what is commoner) {percent(share)}"
    if share == 1:
        return "one class only, so there is no chance level"
    return f"chance (most frequent class) {percent(share)}"


def _measure(found: whole.Whole) -> str:
    return "accuracy" if found.labels is None else "labels told rightly"


def outcome(
    head: HeadFacts,
    found: whole.Whole,
    result: Outcome,
    random: Outcome | None,
    aimed: Aimed,
    edit: Edit,
    *,
    n_control: int,
) -> None:
    with st.container(horizontal=True):
        for name, rows in (("Target", aimed.target), ("Retained", aimed.retained)):
            before, after = (whole.share(one[rows]) for one in (result.before, result.after))
            points = 100 * (after[0] - before[0])
            beside = (
                ""
                if random is None
                else (
                    f" With {n_control} random latents in their place: "
                    f"{percent(whole.share(random.after[rows])[0])}."
                )
            )
            st.metric(
                f"{name}: {_measure(found)}",
                percent(after[0]),
                f"{points:+.3g} points",
                width=200,
                border=True,
                delta_color="normal" if points else "off",
                delta_arrow="auto" if points else "off",
                help=f"Before {rate(*before[1:])}, after {rate(*after[1:])}; "
                f"{_chance(found, rows)}.{beside}",
            )
            flipped = result.flipped[rows]
            st.metric(
                f"{name}: changed",
                percent(flipped.mean()),
                width=200,
                border=True,
                help=f"Other decisions than before: {rate(int(flipped.sum()), len(flipped))}.",
            )
    lines = []
    for name, rows in (("target", aimed.target), ("retained", aimed.retained)):
        line = (
            f"{name}: {percent(whole.share(result.before[rows])[0])} before, n = "
            f"{_counted(found, result, rows)}, "
            f"{_chance(found, rows)}"
        )
        if random is not None:
            flips = random.flipped[rows].mean()
            right = whole.share(random.after[rows])[0]
            line += f"; with {n_control} random latents {percent(right)}, {percent(flips)} changed"
        if edit.gated:
            line += f"; detected on {rate(int(result.detected[rows].sum()), int(rows.sum()))}"
        lines.append(line)
    st.caption(" · ".join(lines))
    for name, rows in (("target", aimed.target), ("retained", aimed.retained)):
        flipped = rows & result.flipped
        thumbs.strip(
            f"Changed, {name}",
            found.rows[flipped],
            classes=found.names,
            h=head.name,
            t="latents",
        )


def _counted(found: whole.Whole, result: Outcome, rows: Bool[np.ndarray, " n"]) -> str:
    n = f"{int(rows.sum()):,}"
    if found.labels is None:
        return n
    return f"{whole.share(result.before[rows])[2]:,} known labels of {n} images"


def _accuracies(
    head: HeadFacts, columns: Int64[np.ndarray, " m"], edit: Edit, aimed: Aimed
) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {"target": [], "retained": []}
    for factor in FACTORS:
        found = latent_edits.outcome(
            head, columns, replace(edit, mode="scale", strength=factor), aimed
        )
        for name, rows in (("target", aimed.target), ("retained", aimed.retained)):
            out[name].append(100 * whole.share(found.after[rows])[0])
    return out


def strengths(
    head: HeadFacts,
    found: whole.Whole,
    columns: Int64[np.ndarray, " m"],
    control: Int64[np.ndarray, " m"],
    edit: Edit,
    aimed: Aimed,
) -> None:
    """Accuracy over the factor, and which classes' logits move."""
    left, right = st.columns(2, gap="large")
    figure = go.Figure()
    runs = [("", columns, "solid")]
    if len(control):
        runs.append((", random latents", control, "dot"))
    for words, ids, dash in runs:
        for name, values in _accuracies(head, ids, edit, aimed).items():
            figure.add_scatter(
                x=FACTORS,
                y=values,
                mode="lines+markers",
                name=f"{name}{words}",
                line={"color": COLOURS[name], "dash": dash, "width": 1.5 if words else 2.5},
                marker={"size": 5},
                hovertemplate="%{y:.3g} % at %{x}<extra></extra>",
            )
    figures.styled(
        figure,
        height=330,
        x=figures.axis("factor of the latents' codes"),
        y=figures.axis(_measure(found), "%"),
        margin_t=TWO_LINES,
    )
    with left:
        st.markdown(f"**{_measure(found).capitalize()} at other strengths**")
        figures.show(figure, key="latent_strengths")
    result = latent_edits.outcome(head, columns, edit, aimed)
    means = {
        name: result.moved[rows].mean(0)
        for name, rows in (("target", aimed.target), ("retained", aimed.retained))
    }
    order = np.argsort(-np.abs(means["target"]), kind="stable")[:BARS]
    order = order[np.argsort(means["target"][order])]
    bars = go.Figure()
    for name, values in means.items():
        bars.add_bar(
            y=[short(found.loaded.class_names[y], 24) for y in order],
            x=values[order],
            orientation="h",
            name=name,
            marker_color=COLOURS[name],
            text=[signed(v) for v in values[order]],
            textposition="none",
            hovertemplate="%{y}: %{text} logits<extra></extra>",
        )
    figures.styled(
        bars,
        height=330,
        x=figures.axis("mean change of the logit"),
        y={},
        margin_t=TWO_LINES,
        bargap=0.25,
    )
    with right:
        more = len(found.loaded.class_names) - len(order)
        st.markdown(
            "**Logits that move**" + (f", {counted(more, 'class')} less" if more else ""),
        )
        figures.show(bars, key="latent_classes")
