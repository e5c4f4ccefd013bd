"""A class's mean logit taken apart: concepts, what others bring, each image's rest, the bias."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app.format import concept_name, percent, signed
from app.widgets import defined
from core import logit_shares
from data.queries.classes import Explanation


def parts(explained: Explanation, shown: pd.DataFrame) -> pd.DataFrame:
    """What the mean logit is the sum of: `shown`, all other concepts together, the images' rest
    where there is one, and the bias, in this order.

    `shown`: rows of `queries.classes.importances`. Columns: kind ("concept", "others", "rest",
    "bias"), title, concept_id (-1: none), value (mean, logits), of_logit (%, signed; NaN for the
    bias), of_size (%; NaN for rest and bias).
    """
    out = [
        ("concept", _title(r), int(r["concept_id"]), float(r["value"]), 100 * float(r["share"]))
        for r in shown.to_dict("records")
    ]
    fixed, bias = explained.fixed, explained.bias
    n_others = explained.n_concepts - len(shown)
    if n_others > 0:
        value = explained.logit - fixed - float(shown["value"].sum())
        size = max(0.0, 100 * (1 - float(shown["share"].sum())))
        title = f"{n_others:,} other concept{'s' if n_others > 1 else ''}"
        out.append(("others", title, -1, value, size))
    if abs(fixed - bias) > 1e-9 * max(1.0, abs(fixed)):
        out.append(("rest", "rest of the images", -1, fixed - bias, np.nan))
    out.append(("bias", "bias", -1, bias, np.nan))
    frame = pd.DataFrame(out, columns=["kind", "title", "concept_id", "value", "of_size"])
    frame["of_logit"] = np.nan
    brought = frame["kind"] != "bias"
    frame.loc[brought, "of_logit"] = 100 * logit_shares.of_sum(
        frame.loc[brought, "value"].to_numpy(np.float64)
    )
    return frame


def _title(row: dict[Any, Any]) -> str:
    name = concept_name(row["name"], int(row["concept_id"]))
    return name if name == f"#{row['concept_id']}" else f"{name} #{row['concept_id']}"


def warning(explained: Explanation, rows: pd.DataFrame) -> str | None:
    """Why the shares of the logit mislead for this class; None where they do not."""
    values = rows["value"].to_numpy(np.float64)
    fixed = explained.fixed
    others = explained.logit - fixed - values.sum()
    sizes = np.array([*values, others, fixed - explained.bias])
    if not logit_shares.cancelled(sizes):
        return None
    return (
        f"Parts for and against this class nearly cancel: together they make "
        f"{signed(float(sizes.sum()))} logits, {percent(abs(sizes.sum()) / np.abs(sizes).sum())} "
        "of what they are in size. Shares of the logit say little here; go by the logits."
    )


def table(frame: pd.DataFrame, *, key: str) -> int | None:
    """The parts in numbers; returns the concept of the row that was clicked."""
    event = defined.table(
        frame,
        key=key,
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        height=38 + 35 * len(frame),
        column_order=["title", "value", "of_logit", "of_size"],
        column_config={
            "title": st.column_config.TextColumn("Part", width=138),
            "value": defined.column("explanation.part", width=88),
            "of_logit": defined.column("explanation.of_logit", width=88),
            "of_size": defined.column("importance.share", width=88),
        },
    )
    concept = defined.clicked(event, frame["concept_id"])
    return None if concept is None or concept < 0 else concept
