"""One concept: its images from strongest to absent, its numbers, its neighbours."""

from __future__ import annotations

import numpy as np
import streamlit as st
from einops import rearrange

from app import address, db
from app.format import concept_name, number, plain, rate, short
from app.views.concept import (
    chips,
    concept_charts,
    concept_probes,
    concept_tables,
    examples,
    name_form,
)
from app.widgets import (
    concept_list,
    concept_names,
    concept_order,
    concept_parts,
    figures,
    gallery,
    score_source,
)
from core.counted import counted
from data.queries import build, concept, probes

con = db.cursor()
found = address.bank()
if found is None:
    st.title("Concept", anchor=False)
    address.no_bank()
bank = found
bank_id, bank_name = bank.bank_id, bank.name
ids = concept_list.ids(bank_id)
asked = address.param("c")
wanted = address.int_param("c") if asked else (int(ids[0]) if len(ids) else 0)
row = None if wanted is None else concept.concept(con, bank_id, wanted)
if row is None or wanted is None:
    st.title("Concept", anchor=False)
    last = bank.n_concepts - 1
    address.unknown(
        "concept",
        asked,
        exists=f"Concepts of the bank “{plain(short(bank_name))}” are numbered 0 to {last:,}."
        if last >= 0
        else "This bank is empty.",
        onward=[
            ("Browse them", "concepts", {"b": bank_name}),
            *([("Open the first", "concept", {"b": bank_name, "c": 0})] if last >= 0 else []),
        ],
    )
    st.stop()
concept_id, chosen = wanted, row
facts = build.build(con)
grid = (facts.grid_h, facts.grid_w)
n_tokens = grid[0] * grid[1]
unit = bank.code_unit
alive = chosen.map_scale > 0


def turn() -> None:
    """To the previous and next concept of the current list."""
    places = np.flatnonzero(ids == concept_id)
    at = int(places[0]) if len(places) else None
    before = int(ids[at - 1]) if at else None
    after = int(ids[at + 1]) if at is not None and at + 1 < len(ids) else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, key, icon, to in (
            ("Previous", "K", "chevron_left", before),
            ("Next", "J", "chevron_right", after),
        ):
            st.button(
                label,
                key=label,
                icon=f":material/{icon}:",
                disabled=to is None,
                shortcut=key,
                on_click=address.set_params,
                kwargs={"c": to, "b": bank_name},
            )
        if at is None:
            st.caption(f"not among the {counted(len(ids), 'concept')} listed now")
        else:
            by = concept_order.words()
            st.caption(f"**{at + 1:,} / {len(ids):,}** in {plain(short(bank_name))} · {by}")
        address.link(
            "All concepts",
            "concepts",
            icon=":material/grid_view:",
            **(concept_list.place() | {"b": bank_name}),
        )


def left() -> None:
    st.markdown(
        "**Scores over images**",
        help=f"One score an image. {score_source.of(bank, facts).about} "
        "Dotted: lower edges of the groups on the right.",
    )
    spread = concept.histogram(con, bank_id, concept_id)
    if spread is not None and alive:
        groups = concept.example_groups(con, bank_id, concept_id)
        figures.show(concept_charts.scores(spread, groups, unit=unit), key="scores")
        if spread.n_zero:
            st.caption(f"{rate(spread.n_zero, facts.n_images)} at exactly 0, not drawn")
    else:
        st.caption("No score differs from 0.")
    st.markdown("**Classes**", help="Largest difference first, over labelled images")
    concept_tables.classes(
        concept.class_scores(con, bank_id, concept_id),
        concept.weights(con, bank_id, concept_id),
        key=f"classes-{concept_id}",
    )
    st.markdown(
        "**Label check**",
        help="The name is a claim; this is how well the scores and maps tell every label on "
        "held-out images. A click on a title sorts",
    )
    concept_tables.labels(
        concept.label_scores(con, bank_id, concept_id), key=f"labels-{concept_id}"
    )
    concept_probes.show(
        probes.of_concept(con, bank_id, concept_id),
        probes.learnability(con, bank_id, concept_id),
        label=chosen.label,
        key=f"probes-{bank_id}-{concept_id}",
    )
    st.markdown("**Neighbours in this bank**")
    other = concept_tables.neighbours(
        concept.neighbours(con, bank_id, concept_id), key=f"near-{bank_id}-{concept_id}"
    )
    if other is not None:
        address.open_page("concept", **(concept_list.place() | {"b": bank_name, "c": other}))
    mean_map = np.array(chosen.mean_map, dtype=np.float64)
    if alive and len(mean_map) == n_tokens:
        st.markdown(
            "**Where in the frame**",
            help="Mean code at each place of the grid, over all "
            "images. A concept that is only ever at the border may be an artefact.",
        )
        where = rearrange(mean_map, "(h w) -> h w", h=grid[0])
        figures.show(concept_charts.frame(where, signed=bank.signed, unit=unit), key="frame")
        st.caption(
            f"{grid[0]} x {grid[1]} tokens · {number(chosen.position_entropy)} of at "
            f"most {number(float(np.log2(n_tokens)))} bits"
        )


def right() -> None:
    scale, limit = chosen.map_scale, chosen.peak_p99
    if not alive:
        st.info(
            "This concept is dead: no image activates it. The images below are chosen among "
            "those at 0 and say nothing about it.",
            icon=":material/info:",
        )
    opened = concept_parts.show(bank_id, concept_id, unit=unit)
    method, rows = concept_parts.choose_map(bank_id, concept_id)
    if method != concept_parts.CODES:
        key = f"attributed-{bank_id}-{concept_id}-{method}"
        clicked = concept_parts.attributed(rows, key=key, method=method, unit=unit)
    else:
        groups = examples.groups(
            bank_id, concept_id, grid=grid, scale=scale, limit=limit, unit=unit
        )
        clicked = gallery.show(
            groups,
            key=f"examples-{bank_id}-{concept_id}",
            grid=grid,
            maps={"signed": bank.signed, "unit": unit, "limit": limit},
        )
    opened = clicked if opened is None else opened
    if opened is not None:
        address.open_page("image", b=bank_name, c=concept_id, i=opened)


turn()
name = concept_name(chosen.name, concept_id)
st.title(plain(short(name, 70)), anchor=False, help=plain(name) if len(name) > 70 else None)
concept_names.show(bank_id, chosen)
name_form.show(bank_name, concept_id)
chips.chips(chosen, bank, facts)
chips.numbers(chosen, bank, n_tokens=n_tokens)
chips.purity(chosen)
concept_parts.lineage(bank_id, concept_id, bank_name=bank_name)
narrow, wide = st.columns([4, 7], gap="medium")
with narrow:
    left()
with wide:
    right()
