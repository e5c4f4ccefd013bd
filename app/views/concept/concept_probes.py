"""How well a concept's label is read off it, beside its bank's others and a plain probe."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from app.format import concept_name, number, plain, short
from app.widgets import defined
from app.widgets.learnability import PLAIN, winner
from core import catalogue
from core.counted import counted

ABOUT = (
    "The concept's label (its name's, or the nearest) read off held-out images. A concept worth "
    "its name comes close to a logistic probe on the plain activations (5-fold cross-validated)."
)


def rows(probed: pd.DataFrame) -> pd.DataFrame:
    """What is read, its interval and that of its difference as text, and who wins."""
    out = probed.copy()
    out["what"] = [_what(row) for _, row in probed.iterrows()]
    out["range"] = _ranges(probed, "auc")
    out["gain_range"] = _ranges(probed, "gain")
    out["winner"] = [
        "" if pd.isna(hi) else winner(lo, hi)
        for lo, hi in zip(probed["gain_lo"], probed["gain_hi"], strict=True)
    ]
    return out


def conclusion(shown: pd.DataFrame) -> str:
    """Which of the concepts the plain probe beats, in a sentence; `shown` as from `rows`."""
    beaten = {"own": "this concept", "latent": "the best concept", "top": "the best few"}
    names = [beaten[kind] for kind in shown.loc[shown["winner"] == PLAIN, "kind"]]
    if not names:
        return (
            "The plain probe is not better than any of these: no interval of a difference lies "
            "on its side."
        )
    return f":orange[▲ **The plain probe wins**] against {_and(names)}."


def show(probed: pd.DataFrame, learnable: pd.DataFrame, *, label: str | None, key: str) -> None:
    """`probed` and `learnable` as from data.queries.probes; `label`: the concept's, if any."""
    name = f" “{plain(short(label, 40))}”" if label else ""
    st.markdown(f"**Reading off{name}**", help=ABOUT)
    if "raw" not in set(probed["kind"]):
        why = "Its label has too few held-out images." if label else "It has no labelled concept."
        st.caption(f"Not probed. {why}")
        return
    shown = rows(probed)
    shown["wins"] = shown["winner"].replace({PLAIN: "▲ plain"})
    defined.table(
        shown,
        key=key,
        hide_index=True,
        placeholder="",
        height="content",
        column_order=["what", "auc", "range", "n", "wins", "gain", "gain_range"],
        column_config=_columns(shown),
    )
    st.caption(conclusion(shown))
    if (learnable["what"] == "label").any():
        st.caption(learnt(learnable), help=catalogue.of("probe.nap").help)


def learnt(found: pd.DataFrame) -> str:
    """How learnable the label is, beside the classes."""
    label = found[found["what"] == "label"].iloc[0]
    classes = found[found["what"] == "class"]
    line = (
        f"Learnability (NAP) {number(label['nap'])}, chance {number(label['nap_chance'])}, "
        f"n {int(label['n']):,}"
    )
    if classes.empty:
        return f"{line}; no class was probed"
    easier = int((classes["nap"] > label["nap"]).sum())
    line += (
        f" · classes {number(classes['nap'].mean())} on average, {number(classes['nap'].min())} to "
        f"{number(classes['nap'].max())}"
    )
    strongest = classes[classes["strongest"]]
    for _, row in strongest.iterrows():
        line += f"; {plain(short(row['name'], 30))}, where it is strongest, {number(row['nap'])}"
    mark = ":orange[▲] " if (strongest["nap"] > label["nap"]).any() else ""
    return f"{mark}{line} · {easier:,} of {len(classes):,} classes are easier to learn"


def _what(row: pd.Series) -> str:
    if row["kind"] == "latent":
        return f"Best: {short(concept_name(row['name'], int(row['concept_id'])), 24)}"
    if row["kind"] == "top":
        return f"Top {counted(row['n_latents'], 'concept')}"
    return {"own": "This concept", "raw": "Plain probe"}[row["kind"]]


def _ranges(found: pd.DataFrame, column: str) -> list[str]:
    ends = zip(found[f"{column}_lo"], found[f"{column}_hi"], strict=True)
    return ["" if pd.isna(lo) else f"{number(lo)} to {number(hi)}" for lo, hi in ends]


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _columns(shown: pd.DataFrame) -> dict[str, Any]:
    width = int(shown.loc[shown["kind"] == "raw", "n_latents"].iloc[0])
    n_top = int(shown.loc[shown["kind"] == "top", "n_latents"].max())
    positive = int(shown["n_positive"].iloc[0])
    return {
        "what": st.column_config.TextColumn(
            "Read off",
            width=116,
            help="This concept: its score alone, nothing fitted. Best: the "
            "single concept that is best on the other folds, by name where it is so most often. "
            f"Top: a logistic probe on the {counted(n_top, 'concept')} that differ most there. "
            "Plain: a "
            f"logistic probe on all {width} channels of the pooled activation",
        ),
        "auc": defined.column("probe.auc", form="%.3f", width=52),
        "range": defined.column("probe.range", width=100),
        "n": defined.column("probe.n", about=f"{positive:,} of them have the label.", width=42),
        "gain": defined.column("probe.gain", form="%+.3f", width=64),
        "gain_range": defined.column("probe.gain_range", title="95 % ", width=116),
        "wins": defined.column("probe.wins", width=62),
    }
