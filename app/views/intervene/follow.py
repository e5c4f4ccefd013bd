"""The other concepts follow an edit: by their scores, by the labels, or by a trained energy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st
from jaxtyping import Bool, Float64

from app import address
from app.format import concept_name, number, plain, short
from app.views.intervene import head_lab
from app.views.intervene.follow_rules import RULES, Followed, followed, parse
from app.widgets import defined
from core import bottleneck

N_SHOWN = 12
LABELS = {
    "off": "Off",
    "gaussian": "By scores",
    "table": "By labels",
    "class": "By labels within a class",
    "energy": "By energy",
}


@dataclass(frozen=True)
class Outcome:
    scores: Float64[np.ndarray, " k"]
    moved: Bool[np.ndarray, " k"]
    p: Float64[np.ndarray, " y"]
    told: Followed


def outcome(lab: head_lab.Lab, columns: dict[int, float]) -> Outcome | None:
    """What the address asks for; None: nothing follows, nothing is edited, or it cannot be told."""
    rule, class_id = parse(address.param("w"))
    if rule == "off" or not columns:
        return None
    found = followed(lab, columns, rule=rule, class_row=_class_row(lab, class_id))
    if isinstance(found, str):
        return None
    logits = bottleneck.logits(lab.loaded.head, found.scores, lab.rest)
    p = bottleneck.probabilities(logits, lab.loaded.head.link)[0]
    return Outcome(found.scores[0], found.moved[0], p, found)


def _class_row(lab: head_lab.Lab, class_id: int | None) -> int:
    """The class that tables are of: the one asked for, else the one predicted without edits."""
    at = np.flatnonzero(lab.loaded.class_ids == class_id)
    return int(at[0]) if len(at) else int(lab.probabilities({}).argmax())


def _switched() -> None:
    rule = st.session_state["lab_follow"]
    address.set_params(w=None if rule == "off" else rule)


def _class_chosen() -> None:
    address.set_params(w=f"class.{st.session_state['lab_follow_class']}")


def show(lab: head_lab.Lab, columns: dict[int, float]) -> None:
    """The choice; when something follows, what moved and what the head then says."""
    rule, class_id = parse(address.param("w"))
    is_energy = lab.method == "energy"
    options = [
        r for r in LABELS if (r != "energy" or is_energy) and not (r == "class" and lab.several)
    ]
    rule = rule if rule in options else "off"
    address.follow("lab_follow", rule)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.segmented_control(
            "Let the other concepts follow",
            options,
            key="lab_follow",
            required=True,
            on_change=_switched,
            format_func=LABELS.__getitem__,
            help="After an edit the other concepts move to what is usual beside it. "
            "The element above keeps the edits alone.  \n"
            + "  \n".join(f"**{LABELS[r]}**: {RULES[r]}" for r in options if r in RULES)
            + ("" if is_energy else "  \nBy energy: only for banks of the method energy."),
        )
        row = _class_row(lab, class_id)
        if rule == "class":
            ids, names = lab.loaded.class_ids.tolist(), lab.loaded.class_names
            address.follow("lab_follow_class", ids[row])
            st.selectbox(
                "Class",
                ids,
                key="lab_follow_class",
                on_change=_class_chosen,
                width=200,
                format_func=lambda c: short(names[ids.index(c)]),
                help="The class whose images are counted; the one predicted without edits at first",
            )
    if rule == "off":
        return
    if not columns:
        st.caption("Nothing is edited yet, so nothing follows.")
        return
    with st.spinner("Measuring how concepts go together …"):
        found = followed(lab, columns, rule=rule, class_row=row)
    if isinstance(found, str):
        st.caption(found)
        return
    told = outcome(lab, columns)
    assert told is not None  # the same rule has just been followed
    _say(lab, columns, told)
    if told.moved.any():
        _table(lab, columns, told)
    st.caption(found.about)


def _say(lab: head_lab.Lab, columns: dict[int, float], told: Outcome) -> None:
    alone, names = lab.probabilities(columns), lab.loaded.class_names
    now, before = int(told.p.argmax()), int(alone.argmax())
    st.markdown(
        f"{int(told.moved.sum())} of {lab.scores.shape[1] - len(columns)} other concepts follow by "
        f"more than {told.told.threshold}. With them "
        f"{'the most probable label' if lab.several else 'the prediction'} is "
        f"**{plain(short(names[now]))}** with {number(told.p[now])}"
        + (
            f" (the edits alone: {number(alone[now])})."
            if now == before
            else f"; the edits alone gave {plain(short(names[before]))} "
            f"with {number(alone[before])}."
        )
    )


def _table(lab: head_lab.Lab, columns: dict[int, float], told: Outcome) -> None:
    now = int(told.p.argmax())
    change = told.scores - lab.scores[0]
    at = np.flatnonzero(told.moved)
    size = np.abs(change[at]) / np.maximum(told.told.unit[at], 1e-12)
    at = at[np.argsort(-size, kind="stable")]
    y = lab.loaded.head.weight[now]
    frame = pd.DataFrame(
        {
            "Concept": [
                short(concept_name(n, c)) + ("" if source == "label" else f" #{c}")
                for n, c, source in lab.facts[["name", "concept_id", "name_source"]]
                .iloc[at]
                .itertuples(index=False)
            ],
            "From": [number(v) for v in lab.scores[0, at]],
            "To": [number(v) for v in told.scores[at]],
            "by": (told.told.by[at]).round(2),
            "Logits": (change[at] * y[at]).round(3),
        }
    )
    if told.told.n is not None:
        frame["n"] = told.told.n[at]
    defined.table(
        frame,
        hide_index=True,
        height=min(36 * (len(frame) + 1), 36 * N_SHOWN),
        column_config={
            "From": defined.written("edit.score", title="From"),
            "To": defined.written("edit.score", title="To"),
            "by": defined.column(told.told.measure, form="%+.2f"),
            "Logits": defined.column(
                "followed.logits",
                about=f"The class: {plain(lab.loaded.class_names[now])}.",
                form="%+.3f",
            ),
            "n": defined.column("followed.n", form="localized"),
        },
    )
    ids = lab.loaded.concept_ids
    edits = {int(ids[k]): v for k, v in columns.items()}
    st.button(
        f"Take the {min(len(at), MOST_TAKEN)} largest over as edits"
        if len(at) > MOST_TAKEN
        else "Take them over as edits",
        key="lab_follow_take",
        icon=":material/south_west:",
        on_click=_take,
        args=(edits, {int(ids[k]): float(told.scores[k]) for k in at[:MOST_TAKEN]}),
    )


MOST_TAKEN = 32
"""concepts taken over at once; more a person cannot follow"""


def _take(edits: dict[int, float], more: dict[int, float]) -> None:
    address.set_params(w=None)
    head_lab.order({**edits, **more}, focus=next(iter(more)))
