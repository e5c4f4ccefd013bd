"""Does saliency mark what the prediction rests on? Shown or hidden, beside random orders."""

from __future__ import annotations

import json

import pandas as pd
import streamlit as st

from app.format import number, plain
from app.widgets import defined
from core.catalogue import of

NAMES = ("insertion", "deletion", "average_drop", "average_gain", "increase")


def table(found: pd.DataFrame) -> pd.DataFrame:
    """One row a method; each value with its chance."""
    rows: dict[str, dict[str, object]] = {}
    for name in NAMES:
        for _, row in found[found["name"] == name].iterrows():
            method = json.loads(row["variant"])["method"]
            line = rows.setdefault(method, {"Method": method, "n": int(row["n"])})
            line[of(f"metric.{name}").title] = f"{number(row['value'])} ({number(row['chance'])})"
    return pd.DataFrame(list(rows.values()))


def show(found: pd.DataFrame) -> None:
    mine = found[(found["scope"] == "backbone") & found["name"].isin(NAMES)]
    st.subheader("Does saliency mark what the prediction rests on?", anchor=False)
    if mine.empty:
        st.caption(
            "Not measured in this store: it takes saliency maps and `[saliency] faithfulness`, the "
            "number of images on which to show and hide what they mark."
        )
        return
    st.caption(
        "The model is asked again, with what the map marks shown (from a blurred image) or hidden "
        "(in the mean colour). In brackets: the same cells in random order, or the same map "
        f"shuffled. Measured on {plain(str(mine['split'].iloc[0]))}."
    )
    config = {
        one.title: defined.written(
            one, title=f"{one.title} {'↓' if one.better == 'lower' else '↑'}"
        )
        for one in (of(f"metric.{name}") for name in NAMES)
    }
    defined.table(
        table(mine),
        hide_index=True,
        column_config={**config, "n": defined.column("metric.n", form="localized")},
    )
