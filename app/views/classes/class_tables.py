"""A head's classes in tables: confusions, dominant concepts, fidelity of the explanations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import db
from app.format import MISSING, concept_titles
from app.widgets import defined
from core import catalogue
from data.queries import methods
from data.queries.methods import Method


def per_split(confusions: pd.DataFrame, class_id: int) -> pd.DataFrame:
    """Recall and precision of the class in each split, in %, each before the n it is of."""
    out = []
    for split, mine in confusions.groupby("split", sort=False):
        hit = int(
            mine.loc[(mine["label_id"] == class_id) & (mine["predicted_id"] == class_id), "n"].sum()
        )
        carried = int(mine.loc[mine["label_id"] == class_id, "n"].sum())
        taken = int(mine.loc[mine["predicted_id"] == class_id, "n"].sum())
        out.append((split, _percent(hit, carried), carried, _percent(hit, taken), taken))
    return pd.DataFrame(out, columns=["Split", "Recall", "n carry it", "Precision", "n taken"])


def _percent(n: int, total: int) -> float:
    """NaN where there is nothing to take a share of."""
    return 100 * n / total if total else float("nan")


def splits(confusions: pd.DataFrame, class_id: int) -> None:
    defined.table(
        per_split(confusions, class_id),
        hide_index=True,
        column_config={
            "Recall": defined.column("confusion.recall"),
            "n carry it": defined.column("confusion.carried", form="localized"),
            "Precision": defined.column("confusion.precision"),
            "n taken": defined.column("confusion.taken", form="localized"),
        },
        placeholder=MISSING,
    )


def others(confusions: pd.DataFrame, class_id: int, *, key: str) -> int | None:
    """Which classes it is confused with, over all splits; returns the one that was clicked."""
    wrong = confusions[confusions["label_id"] != confusions["predicted_id"]]
    missed = wrong[wrong["label_id"] == class_id].assign(
        other_id=lambda f: f["predicted_id"], other=lambda f: f["predicted"], how="taken for"
    )
    taken = wrong[wrong["predicted_id"] == class_id].assign(
        other_id=lambda f: f["label_id"], other=lambda f: f["label"], how="mistaken from"
    )
    frame = pd.concat([missed, taken])
    if frame.empty:
        st.caption("No labelled image is confused.")
        return None
    wide = frame.pivot_table(
        index=["other_id", "other"], columns="how", values="n", aggfunc="sum", fill_value=0
    ).reset_index()
    for how in ("taken for", "mistaken from"):
        wide[how] = wide.get(how, 0)
    wide = wide.assign(sum=wide["taken for"] + wide["mistaken from"])
    wide = wide.sort_values(["sum", "other_id"], ascending=[False, True])
    event = defined.table(
        wide[["other", "taken for", "mistaken from"]],
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        column_config={
            "other": st.column_config.Column("Class", help="A row opens the class"),
            "taken for": defined.column("confusion.missed"),
            "mistaken from": defined.column("confusion.mistaken"),
        },
    )
    return defined.clicked(event, wide["other_id"])


DOMINANCE = ("prevalence", "n", "reliability", "n_labelled")
"""columns of queries.classes.dominance that stand for each split"""


def by_concept(rows: pd.DataFrame) -> pd.DataFrame:
    """Numbers of `queries.classes.dominance`, one row a concept, one column a figure and split.

    id, Concept, then for each split the keys of DOMINANCE as "key, split"; shares in %. A concept
    that is dominant nowhere in a split has 0 of it and no reliability. Often dominant first.
    """
    rows = rows.assign(
        prevalence=100 * rows["prevalence"],
        reliability=100 * rows["reliability"].astype(float),
        Concept=concept_titles(rows["name"], rows["concept_id"]),
    )
    wide = rows.pivot(index=["concept_id", "Concept"], columns="split", values=list(DOMINANCE))
    order = [(what, split) for split in dict.fromkeys(rows["split"]) for what in DOMINANCE]
    out = wide.index.to_frame(index=False).rename(columns={"concept_id": "id"})
    for what, split in order:
        values = pd.Series(wide[what, split].to_numpy(np.float64))
        if what != "reliability":
            values = values.fillna(0)
        out[f"{what}, {split}"] = values.astype(np.int64) if what.startswith("n") else values
    total = sum(out[f"n, {split}"] for split in dict.fromkeys(rows["split"]))
    return (
        out.assign(total=total)
        .sort_values(["total", "id"], ascending=[False, True], ignore_index=True)
        .drop(columns="total")
    )


def dominance(rows: pd.DataFrame, *, key: str) -> int | None:
    """Prevalence and reliability by concept and split; returns the concept that was clicked."""
    if rows.empty:
        st.info("This store does not say which concepts dominate.")
        return None
    frame = by_concept(rows)
    config: dict[str, Any] = {"id": st.column_config.NumberColumn("#", format="%d")}
    for column in frame.columns[2:]:
        what, _, split = str(column).partition(", ")
        one = catalogue.of(f"dominance.{what}")
        unit = ", %" if one.format == "percent" else ""
        form = "localized" if one.format == "count" else None
        config[column] = defined.column(one, title=f"{one.title} {split}{unit}", form=form)
    event = defined.table(
        frame,
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        height=330,
        column_config=config,
    )
    return defined.clicked(event, frame["id"])


FIDELITY = ("C-insertion", "C-deletion", "C-muFidelity")


BESIDE = {
    "random": catalogue.of("fidelity.random"),
    "control": catalogue.of("fidelity.control"),
}
"""by column of queries.classes.fidelity"""


def by_method(rows: pd.DataFrame, known: Mapping[str, Method]) -> pd.DataFrame:
    """Numbers of `queries.classes.fidelity`, one row a method: Importance, each metric, the same
    for each of BESIDE as "METRIC random" and "METRIC control", and n images; in the order of
    `known`, which are those of importance."""
    values = rows.pivot(index="method", columns="metric", values=["value", *BESIDE])
    metrics = [m for m in FIDELITY if m in set(rows["metric"])]
    values = values.loc[[m for m in known if m in values.index]]
    out = pd.DataFrame({"Importance": [known[m].title for m in values.index]})
    for metric in metrics:
        out[metric] = values["value", metric].to_numpy(np.float64)
        for what in BESIDE:
            out[f"{metric} {what}"] = values[what, metric].to_numpy(np.float64)
    out["n"] = rows.groupby("method")["n"].max().loc[values.index].to_numpy()
    return out


def fidelity(rows: pd.DataFrame) -> None:
    if rows.empty:
        st.info("This store does not judge its explanations.")
        return
    config: dict[str, Any] = {"n": defined.column("fidelity.n", form="localized")}
    for metric in FIDELITY:
        config[metric] = defined.column(f"fidelity.{metric}")
        measure = catalogue.of(f"fidelity.{metric}").title
        for what, one in BESIDE.items():
            config[f"{metric} {what}"] = defined.column(one, about=f"The measure: {measure}.")
    known = methods.methods(db.cursor(), "importance")
    defined.table(by_method(rows, known), hide_index=True, column_config=config)
