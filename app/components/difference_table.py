"""Every concept of a comparison in one table."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app.components.format import concept_name

ABOUT = {
    "Mean in A": "Energy: mean score over set A",
    "Mean in B": "Energy: mean score over set B",
    "B − A": "Difference of the energies",
    "from": "Lower end of its 95 % bootstrap interval",
    "to": "Upper end of its 95 % bootstrap interval",
    "δ": "sigmoid((B − A) / T), 0..1; 0.5 says equal",
    "Active in A": "Prevalence: share of the images of A with a positive score, per cent",
    "Active in B": "Share of the images of B with a positive score, per cent",
    "Change": "Difference of the two shares, in percentage points",
    "Within": "Mean over classes of |B − A inside the class|, in pooled standard deviations of the "
    "score inside a class and set",
    "Chance": "Mean of the same when images of a class change sides at random",
    "95 %": "95 % quantile of the same: one concept in twenty is above by chance",
    "p": "Share of those random orders, and of the real one, that reach the value",
    "Most in": "Class with the largest difference",
    "there": "B − A in that class, in pooled standard deviations",
}


def show(
    rows: pd.DataFrame, *, kind: str, unit: str, classes: dict[int, str], key: str
) -> int | None:
    """Draw; returns the concept that was clicked."""
    titles = [concept_name(n, c) for n, c in zip(rows["name"], rows["concept_id"], strict=True)]
    columns = {"#": rows["concept_id"].to_numpy(), "Concept": titles}
    if kind == "within":
        columns |= {
            "Within": rows["within"].to_numpy(),
            "Chance": rows["chance"].to_numpy(),
            "95 %": rows["chance_95"].to_numpy(),
            "p": rows["p"].to_numpy(),
            "Most in": [classes.get(int(c), "") for c in rows["class_id"]],
            "there": rows["class_difference"].to_numpy(),
        }
    columns |= {
        "Mean in A": rows["energy_a"].to_numpy(),
        "Mean in B": rows["energy_b"].to_numpy(),
        "B − A": rows["difference"].to_numpy(),
        "from": rows["lo"].to_numpy(),
        "to": rows["hi"].to_numpy(),
    }
    if kind == "energy":
        columns["δ"] = rows["delta"].to_numpy()
    columns |= {
        "Active in A": 100 * rows["active_a"].to_numpy(),
        "Active in B": 100 * rows["active_b"].to_numpy(),
        "Change": 100 * (rows["active_b"] - rows["active_a"]).to_numpy(),
    }
    st.markdown(f"**All {len(rows):,} concepts** · scores are {unit}; a row opens the concept")
    config: dict[str, Any] = {
        name: st.column_config.NumberColumn(name, help=about, format="%.3g")
        if name != "Most in"
        else st.column_config.Column(name, help=about)
        for name, about in ABOUT.items()
    }
    event = st.dataframe(
        pd.DataFrame(columns), hide_index=True, key=key, on_select="rerun",
        selection_mode="single-row", height=360, column_config=config,
    )  # fmt: skip
    picked = event["selection"]["rows"]
    return int(rows["concept_id"].iloc[picked[0]]) if picked else None
