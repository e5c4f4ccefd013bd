"""Edits kept under a name beside the store: saved, opened again, deleted."""

from __future__ import annotations

import streamlit as st

from app import address
from app.format import plain, short
from app.views.intervene import address_edits, head_lab
from app.widgets import people
from data.annotations import LONGEST_NAME, AnnotationError, EditSet

KEYS = ("h", "i", "y", "e", "w", "l", "u", "g", "r", "t")
"""of the address: what an edit set keeps"""
MOST = 50
"""sets listed; the rest is found by its name"""


def _said(text: str | None, *, good: bool = False) -> None:
    st.session_state["saved_said"] = (good, text)


def _save() -> None:
    name, who = st.session_state["saved_name"], st.session_state.get("annotator", "")
    query = {k: v for k in KEYS if (v := address.param(k)) is not None}
    try:
        people.notes().save_edit_set(name, query, who=who)
    except AnnotationError as error:
        _said(str(error))
        return
    st.session_state["saved_name"] = ""
    _said(f"Saved as “{' '.join(name.split())}”.", good=True)


def _delete(name: str) -> None:
    try:
        people.notes().delete_edit_set(name)
    except AnnotationError as error:
        _said(str(error))
        return
    _said(f"“{name}” is deleted.", good=True)


def save_form() -> None:
    """Name, who, and the button; what went wrong is said and the page stays."""
    with st.form("saved_form", border=False):
        st.text_input(
            "Name of this edit",
            key="saved_name",
            max_chars=LONGEST_NAME,
            placeholder="habitat corrected",
        )
        st.text_input("By (optional)", key="annotator", max_chars=60, persist_state="session")
        st.form_submit_button(
            "Save",
            key="saved_save",
            type="primary",
            icon=":material/save:",
            on_click=_save,
            disabled=people.trouble() is not None,
            help="Kept in a file beside the store, for everyone who opens it; one of the same name "
            "is replaced. The store itself is never changed.",
        )
    _tell()


def _tell() -> None:
    trouble = people.trouble()
    if trouble is not None:
        st.warning(plain(trouble))
        return
    good, text = st.session_state.pop("saved_said", (True, None))
    if text:
        (st.success if good else st.warning)(plain(text))


def listing() -> None:
    """Every saved set, to open or delete."""
    trouble = people.trouble()
    if trouble is not None:
        st.warning(plain(trouble))
        return
    found = people.edit_sets()
    if not found:
        st.caption("None yet. “Save” keeps what is edited now under a name.")
        return
    wanted = ""
    if len(found) > 8:
        wanted = st.text_input(
            "Find", key="saved_find", label_visibility="collapsed", placeholder="Find a saved edit"
        )
    shown = [s for s in found if wanted.strip().lower() in s.name.lower()]
    for saved in shown[:MOST]:
        _row(saved)
    if len(shown) > MOST:
        st.caption(f"and {len(shown) - MOST} more; search for them")


def _row(saved: EditSet) -> None:
    by = f" by {saved.who}" if saved.who else ""
    query = {k: v for k, v in saved.query.items() if k in KEYS}
    what = f"{query.get('h', '?')}, image {query.get('i', '?')}; saved {saved.when[:10]}{by}"
    with st.container(horizontal=True, vertical_alignment="center"):
        opened = st.button(
            plain(short(saved.name, 44)),
            key=f"saved_open_{saved.name}",
            icon=":material/folder_open:",
            type="tertiary",
            width="stretch",
            help=f"Open ({plain(what)})",
        )
        st.button(
            "Delete",
            key=f"saved_delete_{saved.name}",
            icon=":material/delete:",
            type="tertiary",
            on_click=_delete,
            args=(saved.name,),
            help=f"Delete this edit set ({plain(what)})",
        )
    if opened:
        given = address_edits.parse(query.get("e"))
        # the element may show this very image, and then takes edits over only when told to
        head_lab.order(given, focus=next(iter(given), None))
        address.open_page("intervene", **query)
