"""The form of one edit of the head: a group or a concept removed, a weight scaled or set."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from app.format import concept_name, number, short
from app.views.intervene import address_head_edits, whole
from app.views.intervene.address_head_edits import Edit
from core.counted import counted

KINDS = {
    "group": "Remove a group of concepts",
    "prune": "Remove a concept",
    "scale": "Scale a weight",
    "set": "Set a weight",
    "keep": "Keep the strongest only",
}


def tried(labelled: whole.Whole) -> tuple[Edit, ...]:
    """What the form says; nothing while it is not filled in."""
    facts = labelled.facts
    names = {
        int(row["concept_id"]): concept_name(row["name"], row["concept_id"])
        for row in facts.to_dict("records")
    }
    groups = facts.dropna(subset=["theme"]).groupby("theme")["concept_id"].apply(list)
    kinds = [k for k in KINDS if k != "group" or len(groups)]
    kind = st.selectbox("Edit", kinds, key="global_kind", format_func=KINDS.__getitem__, width=230)
    if kind == "group":
        return _group(facts, groups)
    if kind == "keep":
        most = int((labelled.loaded.head.weight != 0).sum(1).max())
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
        [None, *labelled.names],
        key="global_class",
        width=190,
        format_func=lambda c: "every class" if c is None else short(labelled.names[c]),
    )
    factor = kind == "scale"
    value = st.number_input(
        "Factor" if factor else "Weight",
        value=0.5 if factor else 0.0,
        step=0.1,
        width=120,
        min_value=-address_head_edits.LARGEST,
        max_value=address_head_edits.LARGEST,
        key=f"global_{kind}_value",
        format="%.3g",
        help="0 removes the weight, 1 leaves it." if factor else _weights(labelled, concept),
    )
    return (Edit(kind, concept, class_id, float(value)),)


def _group(facts: pd.DataFrame, groups: pd.Series) -> tuple[Edit, ...]:
    """Every concept about a theme, or those that surely are."""
    group = st.selectbox(
        "Group",
        list(groups.index),
        index=None,
        key="global_group",
        width=260,
        placeholder="Choose a group",
        format_func=lambda g: f"{short(g)} ({counted(len(groups[g]), 'concept')})",
    )
    if group is None:
        return ()
    members = facts[facts["concept_id"].isin(groups[group])]
    if (members["name_source"] == "matched").any():
        least = st.number_input(
            "AUC at least",
            0.5,
            1.0,
            0.9,
            0.01,
            key="global_auc",
            width=120,
            help="Only concepts whose score tells their label apart at least so well on held-out "
            "images; chance is 0.5. Weaker ones are also about other things.",
        )
        members = members[members["name_auc"] >= least]
    return tuple(Edit("prune", int(c)) for c in members["concept_id"])


def _weights(labelled: whole.Whole, concept: int) -> str:
    at, _ = labelled.loaded.places(np.array([concept]))
    column = labelled.loaded.head.weight[:, at[0]]
    return (
        "Logits per unit of score. This concept's weights now run from "
        f"{number(float(column.min()))} to {number(float(column.max()))}."
    )
