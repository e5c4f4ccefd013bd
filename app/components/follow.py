"""The other concepts follow an edit, as they go together on the train images."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from app import db, state
from app.components import head_lab, whole
from app.components.format import concept_name, number, plain, short
from core import bottleneck
from core.intervention import propagation

N_SHOWN = 12


def _switched() -> None:
    state.set_params(w="1" if st.session_state["lab_follow"] else None)


def show(lab: head_lab.Lab, columns: dict[int, float], *, bank_id: int, head_id: int) -> None:
    """A toggle; when on, what moved and what the head then says."""
    state.follow("lab_follow", state.param("w") == "1")
    on = st.toggle(
        "Let the other concepts follow",
        key="lab_follow",
        on_change=_switched,
        help="After an edit the others move to what is usual beside it: the conditional mean of a "
        "Gaussian measured on the train images. The element above keeps the edits alone.",
    )
    if not on or not columns:
        return
    model = whole.fitted(db.key(), head_id, bank_id).gaussian
    if model is None:
        st.caption(
            f"How concepts go together is measured for at most {whole.MOST_CONCEPTS:,} "
            "concepts and from at least two labelled images; this head is beyond that."
        )
        return
    moved = propagation.by_gaussian(model, lab.scores, columns)
    p = bottleneck.probabilities(bottleneck.logits(lab.loaded.head, moved.scores, lab.rest))[0]
    alone = lab.probabilities(columns)
    names, now, before = lab.loaded.class_names, int(p.argmax()), int(alone.argmax())
    n_moved = int(moved.moved.sum())
    st.markdown(
        f"{n_moved} of {lab.scores.shape[1] - len(columns)} other concepts follow by more than a "
        f"tenth of their spread. With them the prediction is **{plain(short(names[now]))}** with "
        f"{number(p[now])}"
        + (
            f" (the edits alone: {number(alone[now])})."
            if now == before
            else f"; the edits alone gave {plain(short(names[before]))} "
            f"with {number(alone[before])}."
        )
    )
    if not n_moved:
        return
    spread = np.sqrt(np.diag(model.covariance))
    change = moved.scores[0] - lab.scores[0]
    at = np.flatnonzero(moved.moved[0])
    at = at[np.argsort(-np.abs(change[at]) / spread[at], kind="stable")]
    y = lab.loaded.head.weight[now]
    table = pd.DataFrame(
        {
            "Concept": [
                short(concept_name(n, c)) + ("" if source == "label" else f" #{c}")
                for n, c, source in lab.facts[["name", "concept_id", "name_source"]]
                .iloc[at]
                .itertuples(index=False)
            ],
            "From": [number(v) for v in lab.scores[0, at]],
            "To": [number(v) for v in moved.scores[0, at]],
            "Spreads": (change[at] / spread[at]).round(2),
            "Logits": (change[at] * y[at]).round(3),
        }
    )
    st.dataframe(
        table,
        hide_index=True,
        height=min(36 * (len(table) + 1), 36 * N_SHOWN),
        column_config={
            "Spreads": st.column_config.NumberColumn(
                format="%+.2f", help="Change in standard deviations over the train images"
            ),
            "Logits": st.column_config.NumberColumn(
                format="%+.3f", help=f"What the change adds to {names[now]}"
            ),
        },
    )
    st.caption(
        f"Measured on n = {model.n:,} train images. Concepts that went together there need "
        "not go together elsewhere."
    )
