"""The edits of one image in words."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app.format import number, plain, short, signed
from app.views.intervene import head_lab, levels, several

MOST, MOST_LABELS = 12, 6
OUTSIDE = {
    "off-distribution": ":red[off-distribution: outside what any image of the store shows]",
    "unusual": ":orange[unusual: outside what 99 % of the train images show]",
}
"""mark of app.views.intervene.levels -> words"""


def meaning(lab: head_lab.Lab, columns: dict[int, float]) -> None:
    before, after = lab.probabilities({}), lab.probabilities(columns)
    names = lab.loaded.class_names
    was, now = int(before.argmax()), int(after.argmax())
    if not columns:
        st.markdown(
            "Nothing is edited: the decision is the head's own. Move a handle to say what you see "
            "on the image that the concepts got wrong; only the scores change, neither the image "
            "nor the weights. "
            + levels.sentence(levels.chosen(), lab.measured(np.zeros(0, np.int64)).n)
        )
        return
    marks = levels.marks(lab.measured(np.array(list(columns))), lab.facts, columns)
    if lab.several:
        was = int(np.abs(after - before).argmax())
    lines = []
    for k, value in columns.items():
        score = lab.scores[0, k]
        found = marks[k]
        change = lab.loaded.head.weight[was, k] * (value - score)
        lines.append(
            f"- **{lab.title(k)}** from "
            f"{number(score)} to {number(value)}: {signed(change)} logits for "
            f"{plain(short(names[was]))}" + (f" ({OUTSIDE[found]})" if found else "")
        )
    if len(lines) > MOST:
        lines[MOST:] = [f"- and {len(lines) - MOST} more"]
    st.markdown("\n".join(lines))
    if lab.several:
        st.markdown(_labels(lab, before, after))
        return
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


def _labels(lab: head_lab.Lab, before: np.ndarray, after: np.ndarray) -> str:
    """What becomes of the labels that move most, and which cross their thresholds."""
    names, limit = lab.loaded.class_names, several.thresholds(lab.head_id)
    crossed = (before >= limit) != (after >= limit)
    order = np.argsort(-np.abs(after - before), kind="stable")
    shown = [y for y in order if crossed[y]] + [y for y in order if not crossed[y]]
    lines = [
        f"- **{plain(short(names[y]))}** from {number(before[y])} to {number(after[y])}"
        + (
            f": now {'above' if after[y] >= limit[y] else 'below'} its threshold "
            f"{number(float(limit[y]))}"
            if crossed[y]
            else ""
        )
        for y in shown[:MOST_LABELS]
    ]
    more = len(names) - len(lines)
    return (
        "With that, the probabilities of labels go\n"
        + "\n".join(lines)
        + (f"\n- and {more} more move less" if more > 0 else "")
    )
