"""Every concept of a comparison in one table."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app.format import concept_name

_CHANCE = "when images of a class change sides at random; one concept in twenty is beyond it"
_P = "Share of those random orders, and of the real one, that reach the size of the difference"
_TIE = "Share of the score's variance that lies between classes (intraclass correlation): 1, the "
_TIE += "class fixes it; 0, it says nothing; estimates may fall below 0"
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
    "score inside a class and set: both directions together",
    "95 %": f"95 % quantile of its size {_CHANCE}",
    "p": _P,
    "More in B": "The part of it from classes that show more in B",
    "95 % more": f"95 % quantile of that part {_CHANCE}",
    "p more": _P,
    "Less in B": "The part of it from classes that show less in B",
    "95 % less": f"95 % quantile of that part {_CHANCE}",
    "p less": _P,
    "Tie in A": _TIE,
    "Tie in B": _TIE,
    "Tie B − A": "Difference of the ties",
    "tie from": "Lower end of its 95 % bootstrap interval",
    "tie to": "Upper end of its 95 % bootstrap interval",
    "Most less in": "Class in which B lies lowest against A",
    "less by": "B − A in that class, in pooled standard deviations",
    "Most more in": "Class in which B lies highest against A",
    "more by": "B − A in that class, in pooled standard deviations",
}
_WITHIN = {
    "Within": "within",
    "95 %": "within_chance_95",
    "p": "within_p",
    "More in B": "more",
    "95 % more": "more_chance_95",
    "p more": "more_p",
    "Less in B": "less",
    "95 % less": "less_chance_95",
    "p less": "less_p",
}
_OF_TIE = {
    "Tie in A": "tie_a",
    "Tie in B": "tie_b",
    "Tie B − A": "tie",
    "tie from": "tie_lo",
    "tie to": "tie_hi",
    "95 %": "tie_chance_95",
    "p": "tie_p",
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
    titles = [concept_name(n, c) for n, c in zip(rows["name"], rows["concept_id"], strict=True)]
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
        columns["δ"] = rows["delta"].to_numpy()
    columns |= {
        "Active in A": 100 * rows["active_a"].to_numpy(),
        "Active in B": 100 * rows["active_b"].to_numpy(),
        "Change": 100 * (rows["active_b"] - rows["active_a"]).to_numpy(),
    }
    st.markdown(
        f"**All {len(rows):,} concepts**, largest differences first · scores are {unit}; a row "
        "opens the concept"
    )
    config: dict[str, Any] = {
        name: st.column_config.Column(name, help=about)
        if name.startswith("Most ")
        else st.column_config.NumberColumn(name, help=about, format="%.3g")
        for name, about in ABOUT.items()
    }
    event = st.dataframe(
        pd.DataFrame(columns),
        hide_index=True,
        key=key,
        on_select="rerun",
        selection_mode="single-row",
        height=360,
        column_config=config,
    )
    picked = event["selection"]["rows"]
    return int(rows["concept_id"].iloc[picked[0]]) if picked else None
