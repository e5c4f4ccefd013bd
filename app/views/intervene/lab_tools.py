"""Under the live element: pin, save, open and take away what is edited."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import streamlit as st

from app import address
from app.views.intervene import edited_head, head_lab, pinned, report, saved_edits, whole
from app.views.intervene.address_head_edits import holds, parse
from app.widgets import people
from data.queries.build import HeadFacts
from data.queries.images import ImageFacts


def show(
    lab: head_lab.Lab,
    columns: dict[int, float],
    *,
    head: HeadFacts,
    facts: ImageFacts,
    unit: str,
    picture: bytes,
) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        pinned.buttons(lab, columns)
        with st.popover("Save", icon=":material/save:"):
            saved_edits.save_form()
        n = len(people.edit_sets())
        with st.popover(f"Saved edits ({n})", icon=":material/folder_open:"):
            saved_edits.listing()
        with st.popover("Download", icon=":material/download:"):
            _downloads(lab, columns, head=head, facts=facts, unit=unit, picture=picture)


def _downloads(
    lab: head_lab.Lab,
    columns: dict[int, float],
    *,
    head: HeadFacts,
    facts: ImageFacts,
    unit: str,
    picture: bytes,
) -> None:
    given = report.facts(lab, facts, columns, bank_unit=unit)
    # what edits of the head do takes every image's scores, so only where there are some
    g = address.param("g")
    of_head = report.head_part(whole.of(head), g, _change(head)) if g else []
    stem = re.sub(r"[^\w-]+", "-", f"edit-{lab.head}-image-{lab.image_id}", flags=re.ASCII)
    st.download_button(
        "Report (HTML)",
        report.as_html(
            given,
            picture,
            of_head=of_head,
            when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        ),
        f"{stem}.html",
        "text/html",
        icon=":material/description:",
        on_click="ignore",
        width="stretch",
        help="One page with the image, the values and predictions before and after, where they "
        "come from and what the words mean. It opens without this app.",
    )
    st.download_button(
        "Numbers (JSON)",
        report.as_json(given),
        f"{stem}.json",
        "application/json",
        icon=":material/data_object:",
        on_click="ignore",
        width="stretch",
    )
    st.caption("The address of this page carries the edit too: copy it to share it.")


def _change(head: HeadFacts) -> edited_head.Change | None:
    """What the edits of the head in the address do; None: there are none, or they cannot be."""
    given = parse(address.param("g"))
    found = whole.of(head)
    edits, _ = edited_head.known(found, given.edits)
    if found.rows.empty or not (edits or given.refit):
        return None
    try:
        edited = edited_head.apply(
            head,
            tuple(edits),
            given.refit,
            holds(given, signed=head.signed),
        )
        return edited_head.preview(head, edited)
    except ValueError:  # the Global tab says why
        return None
