"""Editing the head itself: what happens to every image if a concept may not count any more."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import streamlit as st

from app import db, head_edits, state
from app.components import edited_head, global_charts, whole
from app.components.format import concept_name, number, plain, short
from app.head_edits import Edit, EditSet

KINDS = {
    "group": "Remove a group of concepts",
    "prune": "Remove a concept",
    "scale": "Scale a weight",
    "set": "Set a weight",
    "keep": "Keep the strongest only",
}


def _store(given: EditSet) -> None:
    state.set_params(g=head_edits.write(given))


def _add(given: EditSet, more: tuple[Edit, ...]) -> None:
    _store(
        EditSet((*given.edits, *(e for e in more if e not in given.edits)), given.refit, given.name)
    )
    # the form lets go of what is now in the set
    for key in ("global_group", "global_concept"):
        st.session_state[key] = None


def _tried(found: whole.Whole) -> tuple[Edit, ...]:
    """What the form says; nothing while it is not filled in."""
    facts = found.facts
    names = {
        int(row["concept_id"]): concept_name(row["name"], row["concept_id"])
        for row in facts.to_dict("records")
    }
    groups = facts.dropna(subset=["grouping"]).groupby("grouping")["concept_id"].apply(list)
    kinds = [k for k in KINDS if k != "group" or len(groups)]
    kind = st.selectbox("Edit", kinds, key="global_kind", format_func=KINDS.__getitem__, width=230)
    if kind == "group":
        group = st.selectbox(
            "Group",
            list(groups.index),
            index=None,
            key="global_group",
            width=260,
            placeholder="Choose a group",
            format_func=lambda g: f"{short(g)} ({len(groups[g])} concepts)",
        )
        return () if group is None else tuple(Edit("prune", int(c)) for c in groups[group])
    if kind == "keep":
        most = int((found.loaded.head.weight != 0).sum(1).max())
        n = st.number_input(
            "Weights a class",
            0,
            most,
            min(5, most),
            key="global_keep",
            width=130,
            help=f"At most {most} of this head's classes' weights are not 0.",
        )
        return (Edit("keep", value=float(n)),)
    concept = st.selectbox(
        "Concept",
        list(names),
        index=None,
        key="global_concept",
        width=260,
        placeholder="Choose a concept",
        format_func=lambda c: f"{short(names[c])} ({c})",
    )
    if concept is None or kind == "prune":
        return () if concept is None else (Edit("prune", concept),)
    class_id = st.selectbox(
        "Class",
        [None, *found.names],
        key="global_class",
        width=190,
        format_func=lambda c: "every class" if c is None else short(found.names[c]),
    )
    factor = kind == "scale"
    value = st.number_input(
        "Factor" if factor else "Weight",
        value=0.5 if factor else 0.0,
        step=0.1,
        width=120,
        min_value=-head_edits.LARGEST,
        max_value=head_edits.LARGEST,
        key=f"global_{kind}_value",
        format="%.3g",
        help="0 removes the weight, 1 leaves it." if factor else _weights(found, concept),
    )
    return (Edit(kind, concept, class_id, float(value)),)


def _weights(found: whole.Whole, concept: int) -> str:
    at, _ = found.loaded.places(np.array([concept]))
    column = found.loaded.head.weight[:, at[0]]
    return (
        "Logits per unit of score. This concept's weights now run from "
        f"{number(float(column.min()))} to {number(float(column.max()))}."
    )


def _members(found: whole.Whole, given: EditSet, edits: list[Edit]) -> None:
    """The set as chips that can be taken out, its name, and the refit."""
    state.follow("global_set", list(range(len(edits))))
    state.follow("global_refit", given.refit)
    state.follow("global_name", given.name)

    def changed() -> None:
        kept = tuple(edits[i] for i in sorted(st.session_state["global_set"]))
        _store(
            EditSet(
                kept,
                bool(st.session_state["global_refit"]),
                re.sub(r"[,~]", " ", st.session_state["global_name"]),
            )
        )

    if edits:
        st.multiselect(
            "Edit set",
            range(len(edits)),
            key="global_set",
            on_change=changed,
            format_func=lambda i: short(edited_head.describe(found, edits[i])),
            help="In this order. Taking one out undoes it; the link of this page carries the set.",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.toggle(
            "Fit the remaining weights again",
            key="global_refit",
            on_change=changed,
            help="On the train images, so that the other concepts can make up for what was "
            "removed. Weights that are 0 stay 0.",
        )
        if edits:
            st.text_input(
                "Name of the set",
                key="global_name",
                on_change=changed,
                width=240,
                max_chars=head_edits.LONGEST_NAME,
                placeholder="for example: without habitat",
            )
            st.button(
                "Empty the set", icon=":material/restart_alt:", on_click=_store, args=(EditSet(),)
            )


def show(head: pd.Series) -> None:
    found = whole.of(head)
    if found.rows.empty:
        st.caption("No image carries a label of this head's classes, so nothing can be counted.")
        return
    st.caption(
        "Edits of the head hold for every image at once. Below is what they would do, counted on "
        "the stored scores; nothing is written to the store. Take the result with you at the end."
    )
    given = head_edits.parse(state.param("g"))
    edits, strangers = edited_head.known(found, given.edits)
    if strangers:
        st.warning(
            f"Left out: {len(strangers)} edits of concepts or classes that "
            f"{plain(head['name'])} does not have."
        )
    given = EditSet(tuple(edits), given.refit, given.name)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tried = tuple(e for e in _tried(found) if e not in edits)
        st.button(
            "Add to the set",
            icon=":material/add:",
            type="primary",
            disabled=not tried,
            on_click=_add,
            args=(given, tried),
            key="global_add",
        )
    _members(found, given, edits)
    if not edits and not tried and not given.refit:
        st.info("Choose an edit to see what it would do to every image.", icon=":material/tune:")
        return
    both = (*edits, *tried)
    try:
        edited = edited_head.apply(
            db.key(), int(head["head_id"]), int(head["bank_id"]), both, given.refit
        )
        change = edited_head.preview(head, edited)
    except ValueError as error:
        st.warning(plain(str(error)))
        return
    global_charts.outcome(
        head,
        found,
        change,
        edited=edited,
        trying=bool(tried),
        n_set=len(edits),
    )
    if tried:
        st.caption("To take the result with you, add the edit to the set first.")
        return
    name = re.sub(r"[^\w-]+", "-", given.name or f"{head['name']} edited", flags=re.ASCII)
    with st.container(horizontal=True):
        st.download_button(
            "Edit set (JSON)",
            edited_head.as_json(head, given, change),
            f"{name.strip('-')}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            help="The edits in words and numbers, with the accuracies.",
        )
        st.download_button(
            "Edited head (safetensors)",
            edited_head.as_safetensors(head, given, edited, change),
            f"{name.strip('-')}.safetensors",
            icon=":material/download:",
            on_click="ignore",
            help="weight (classes x concepts), bias, class_ids, concept_ids; "
            "names are in the metadata.",
        )
