"""Editing the head itself: what happens to every image if a concept may not count any more."""

from __future__ import annotations

import re
from dataclasses import replace

import streamlit as st

from app import address
from app.format import listed, plain, short
from app.views.intervene import address_head_edits, edited_head, whole
from app.views.intervene.address_head_edits import Edit, EditSet
from app.views.intervene.tabs import global_charts, global_form, several_global, weight_matrix
from core.intervention.global_edits import EachPreview
from data.queries.build import HeadFacts


def _store(given: EditSet) -> None:
    address.set_params(g=address_head_edits.write(given))


def _add(given: EditSet, more: tuple[Edit, ...]) -> None:
    edits = (*given.edits, *(e for e in more if e not in given.edits))
    _store(replace(given, edits=edits))
    # the form lets go of what is now in the set
    for key in ("global_group", "global_concept"):
        st.session_state[key] = None


def _members(labelled: whole.Whole, given: EditSet, edits: list[Edit], *, hold: bool) -> None:
    """The set as chips that can be taken out, its name, and the refit."""
    address.follow("global_set", list(range(len(edits))))
    address.follow("global_refit", given.refit)
    address.follow("global_name", given.name)
    address.follow("global_hold", hold)

    def changed() -> None:
        kept = tuple(edits[i] for i in sorted(st.session_state["global_set"]))
        _store(
            EditSet(
                kept,
                bool(st.session_state["global_refit"]),
                re.sub(r"[,~]", " ", st.session_state["global_name"]),
                # said aloud only where it departs from what the bank suggests
                given.hold if st.session_state["global_hold"] == hold else not hold,
            )
        )

    if edits:
        st.multiselect(
            "Edit set",
            range(len(edits)),
            key="global_set",
            on_change=changed,
            format_func=lambda i: short(edited_head.describe(labelled, edits[i])),
            help="In this order. Taking one out undoes it; the link of this page carries the set.",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.toggle(
            "Keep what an average image got",
            key="global_hold",
            on_change=changed,
            help="A removed weight takes its contribution from every image, also the part that all "
            "share and that tells none apart. On: that part moves into the bias (mean ablation). "
            "Off: the weight is simply 0.",
        )
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
                max_chars=address_head_edits.LONGEST_NAME,
                placeholder="for example: without habitat",
            )
            st.button(
                "Empty the set", icon=":material/restart_alt:", on_click=_store, args=(EditSet(),)
            )


def show(head: HeadFacts) -> None:
    labelled = whole.of(head)
    if labelled.rows.empty:
        st.caption("No image carries a label of this head's classes, so nothing can be counted.")
        return
    st.caption(
        "Edits of the head hold for every image at once. Below is what they would do, counted on "
        "the stored scores; nothing is written to the store. Take the result with you at the end."
    )
    given = address_head_edits.parse(address.param("g"))
    edits, unknown = edited_head.known(labelled, given.edits)
    odd = address_head_edits.refused(address.param("g"))
    if odd:
        st.warning(
            f"Left out of the link: {listed(odd)}. An edit of a head is p12 (concept 12 counts for "
            "no class), s12:0.5 or s12.4:0.5 (its weights, or class 4's alone, times 0.5), "
            "w12.4:1.2 (that weight becomes 1.2) or k3 (3 concepts a class stay)."
        )
    if unknown:
        st.warning(
            f"Left out: {len(unknown)} edits of concepts or classes that "
            f"{plain(head.name)} does not have."
        )
    given = replace(given, edits=tuple(edits))
    hold = address_head_edits.holds(given, signed=head.signed)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tried = tuple(e for e in global_form.tried(labelled) if e not in edits)
        st.button(
            "Add to the set",
            icon=":material/add:",
            type="primary",
            disabled=not tried,
            on_click=_add,
            args=(given, tried),
            key="global_add",
        )
    _members(labelled, given, edits, hold=hold)
    weight_matrix.show(head, labelled, given)
    if not edits and not tried and not given.refit:
        st.info("Choose an edit to see what it would do to every image.", icon=":material/tune:")
        return
    both = (*edits, *tried)
    try:
        edited = edited_head.apply(head, both, given.refit, hold)
        change = edited_head.preview(head, edited)
    except ValueError as error:
        st.warning(plain(str(error)))
        return
    told = global_charts.Edited(edited, bool(tried), len(edits))
    if isinstance(change, EachPreview):
        several_global.outcome(head, labelled, change, told)
    else:
        global_charts.outcome(head, labelled, change, told)
    if tried:
        st.caption("To take the result with you, add the edit to the set first.")
        return
    name = re.sub(r"[^\w-]+", "-", given.name or f"{head.name} edited", flags=re.ASCII)
    with st.container(horizontal=True):
        st.download_button(
            "Edit set (JSON)",
            edited_head.as_json(head, given, edited, change),
            f"{name.strip('-')}.json",
            "application/json",
            icon=":material/download:",
            on_click="ignore",
            help="The edits in words and numbers, the accuracies, and the edited weights.",
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
