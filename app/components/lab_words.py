"""The edits of one image in words."""

from __future__ import annotations

import streamlit as st

from app.components import head_lab
from app.components.format import number, plain, short, signed

MOST = 12


def meaning(lab: head_lab.Lab, columns: dict[int, float]) -> None:
    before, after = lab.probabilities({}), lab.probabilities(columns)
    names = lab.loaded.class_names
    was, now = int(before.argmax()), int(after.argmax())
    if not columns:
        st.markdown(
            "Nothing is edited: the decision is the head's own. Move a handle to say what you see "
            "on the image that the concepts got wrong; only the scores change, neither the image "
            "nor the weights."
        )
        return
    lines = []
    for k, value in columns.items():
        row, score = lab.facts.iloc[k], lab.scores[0, k]
        outside = not row["score_min"] <= value <= row["score_max"]
        change = lab.loaded.head.weight[was, k] * (value - score)
        lines.append(
            f"- **{lab.title(k)}** from "
            f"{number(score)} to {number(value)}: {signed(change)} logits for "
            f"{plain(short(names[was]))}"
            + (" (:orange[outside what any image of the store shows])" if outside else "")
        )
    if len(lines) > MOST:
        lines[MOST:] = [f"- and {len(lines) - MOST} more"]
    st.markdown("\n".join(lines))
    said = f"**{plain(short(names[was]))}** goes from {number(before[was])} to {number(after[was])}"
    st.markdown(
        f"With that, the probability of {said}"
        + (
            ", and it stays the prediction."
            if was == now
            else f"; the prediction becomes **{plain(short(names[now]))}** "
            f"with {number(after[now])} (before: {number(before[now])})."
        )
    )
