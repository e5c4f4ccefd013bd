"""Every concept of a comparison in one table."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.format import concept_titles, plain
from app.widgets import defined
from core import catalogue

DEFINED = {
    one.title: one for one in catalogue.DEFINITIONS.values() if one.key.startswith("difference.")
}
"""by column of the table"""
_WITHIN = {
    "Within": "within",
    "95 %": "within_chance_95",
    "p": "within_p",
    "q": "within_q",
    "More in B": "more",
    "95 % more": "more_chance_95",
    "p more": "more_p",
    "q more": "more_q",
    "Less in B": "less",
    "95 % less": "less_chance_95",
    "p less": "less_p",
    "q less": "less_q",
}
_OF_TIE = {
    "Tie in A": "tie_a",
    "Tie in B": "tie_b",
    "Tie B − A": "tie",
    "tie from": "tie_lo",
    "tie to": "tie_hi",
    "95 %": "tie_chance_95",
    "p": "tie_p",
    "q": "tie_q",
}
_ENERGY = {
    "Mean in A": "energy_a",
    "Mean in B": "energy_b",
    "B − A": "difference",
    "from": "lo",
    "to": "hi",
}
_SIZE = {"energy": "difference", "within": "within", "tie": "tie"}


def ordered(rows: pd.DataFrame, kind: str) -> pd.DataFrame:
    """The largest differences first, whatever their direction."""
    size = rows[_SIZE[kind]].abs()
    return rows.assign(size=size).sort_values(["size", "concept_id"], ascending=[False, True])


def show(
    rows: pd.DataFrame, *, kind: str, unit: str, classes: dict[int, str], key: str
) -> int | None:
    """Draw; returns the concept that was clicked."""
    rows = ordered(rows, kind)
    titles = concept_titles(rows["name"], rows["concept_id"])
    own: dict[str, dict[str, str]] = {"energy": {}, "within": _WITHIN, "tie": _OF_TIE}
    columns = {"#": rows["concept_id"].to_numpy(), "Concept": titles}
    columns |= {title: rows[name].to_numpy() for title, name in own[kind].items()}
    if kind != "energy":
        for side in ("less", "more"):
            of = [classes.get(int(c), "") for c in rows[f"class_{side}"]]
            by = rows[f"class_{side}_by"].to_numpy()
            columns |= {f"Most {side} in": of, f"{side} by": by}
    columns |= {title: rows[name].to_numpy() for title, name in _ENERGY.items()}
    if kind == "energy":
        columns |= {title: rows[title].to_numpy() for title in ("p", "q")}
        columns["δ"] = rows["delta"].to_numpy()
    columns |= {
        "Active in A": 100 * rows["active_a"].to_numpy(),
        "Active in B": 100 * rows["active_b"].to_numpy(),
        "Change": 100 * (rows["active_b"] - rows["active_a"]).to_numpy(),
    }
    st.markdown(
        f"**All {len(rows):,} concepts**, largest differences first · scores are {plain(unit)}; a "
        "row opens the concept"
    )
    config = {name: defined.column(one) for name, one in DEFINED.items()}
    event = defined.table(
        pd.DataFrame(columns),
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        height=360,
        column_config=config,
    )
    return defined.clicked(event, rows["concept_id"])
