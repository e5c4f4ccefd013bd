"""Which few concepts of a class to show: the largest, or large ones that differ."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from app import address, db
from core import diverse
from data.queries import heads

SHOWN = (12, diverse.MOST)


def opened_first(listed: pd.DataFrame) -> int:
    """The class to show where none is asked for: the first labelled one that the head takes images
    for, else the first it takes any for, else the first. `listed` as `classes.classes`, not empty.
    """
    taken = listed["n_predicted"] > 0
    for among in (taken & (listed["n_labelled"] > 0), taken):
        if among.any():
            return int(listed.loc[among, "class_id"].iloc[0])
    return int(listed["class_id"].iloc[0])


def _listing() -> tuple[bool, int]:
    """Whether concepts are chosen to differ, and how many at most; from the address."""
    kind, _, most = (address.param("x") or "").partition("-")
    n = next((s for s in SHOWN if str(s) == most), SHOWN[0])
    now = (kind == "diverse", n)

    def write() -> None:
        kind_now = "diverse" if st.session_state["diverse"] else "largest"
        address.set_params(x=f"{kind_now}-{st.session_state['most']}")

    with st.container(horizontal=True, vertical_alignment="center"):
        address.follow("diverse", now[0])
        st.toggle(
            "Diverse",
            key="diverse",
            on_change=write,
            help="Concepts that fire on the same images say the same thing twice. Chosen greedily "
            "for a large share of the size and scores unlike those already chosen (a "
            "determinantal point process), instead of by size alone.",
        )
        address.follow("most", now[1])
        st.segmented_control(
            "At most",
            SHOWN,
            key="most",
            required=True,
            on_change=write,
            format_func=lambda n: f"at most {n}",
            label_visibility="collapsed",
        )
    return now


def chosen(rows: pd.DataFrame, images: pd.DataFrame, *, bank_id: int) -> pd.DataFrame:
    """Of the concepts in `rows`, those to show; how, the person says.

    They differ where their scores over `images` do.
    """
    differ, most = _listing()
    if not differ or rows.empty:
        return rows.head(most)
    ordered = rows.sort_values("concept_id")
    scores = heads.image_scores(
        db.cursor(),
        bank_id,
        ordered["concept_id"].to_numpy(np.int64),
        image_ids=images["image_id"].to_numpy(np.int64),
    )
    return ordered.iloc[diverse.pick(ordered["share"].to_numpy(), scores.T, most=most)]
