"""A name and a note that people give a concept, beside the store's own name."""

from __future__ import annotations

import streamlit as st

from app import address
from app.format import plain
from app.widgets import people
from data.annotations import LONGEST_NAME, LONGEST_NOTE, AnnotationError


def show(bank: str, concept_id: int) -> None:
    """What people said of it, and the form to say something."""
    naming = people.namings(bank).get(concept_id)
    trouble = people.trouble()
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if naming is not None:
            st.markdown(
                people.words(naming),
                width="content",
                help="Not from the build: someone "
                "said so here. The store's own name stays as it is.",
            )
        with st.popover(
            "Your name for it" if naming is None else "Change",
            icon=":material/edit_note:",
            type="tertiary",
        ):
            if trouble is not None:
                st.warning(plain(trouble))
            else:
                _form(bank, concept_id)
    if naming is not None and naming.note:
        # a note may hold line breaks, which Markdown would join
        st.text(naming.note)
    problem = st.session_state.pop("naming_problem", None)
    if problem:
        st.warning(plain(problem))


def _form(bank: str, concept_id: int) -> None:
    naming = people.namings(bank).get(concept_id)
    key = f"naming-{bank}-{concept_id}"
    with st.form(key, border=False):
        st.text_input(
            "Name",
            naming.name if naming else "",
            key=f"{key}-name",
            max_chars=LONGEST_NAME,
            help="Shown beside the store's own name wherever concepts are listed, and marked as "
            "named by people. Empty: taken back.",
        )
        st.text_area(
            "Note", naming.note if naming else "", key=f"{key}-note", max_chars=LONGEST_NOTE
        )
        st.toggle("Bookmark", bool(naming and naming.bookmark), key=f"{key}-mark")
        st.text_input(
            "By (optional)",
            st.session_state.get("annotator") or (naming.who if naming else ""),
            key=f"{key}-who",
            max_chars=60,
        )
        st.form_submit_button("Save", type="primary", on_click=_save, args=(bank, concept_id, key))


def _save(bank: str, concept_id: int, key: str) -> None:
    who = st.session_state[f"{key}-who"]
    st.session_state["annotator"] = who
    try:
        people.notes().set_name(
            bank,
            concept_id,
            name=st.session_state[f"{key}-name"],
            note=st.session_state[f"{key}-note"],
            bookmark=bool(st.session_state[f"{key}-mark"]),
            who=who,
        )
    except AnnotationError as error:
        st.session_state["naming_problem"] = str(error)
    address.set_params(b=bank, c=concept_id)
