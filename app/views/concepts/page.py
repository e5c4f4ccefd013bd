"""All concepts of a bank: search, sort, filter; as a table, as cards, or as a map."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import streamlit as st

from app import address, db
from app.format import number, plain, seconds, short
from app.views.concepts import concept_map, prefix_slider, tree
from app.widgets import (
    concept_list,
    concept_names,
    concept_order,
    concept_table,
    defined,
    figures,
    image_map,
    paging,
)
from core.counted import counted
from data.queries import build, concepts, methods, trees

VIEWS = {"table": "Table", "gallery": "Gallery", "map": "Map", "tree": "Tree"}
ICONS = {
    "table": ":material/table_rows:",
    "gallery": ":material/grid_view:",
    "map": ":material/bubble_chart:",
    "tree": ":material/account_tree:",
}
PER_PAGE = {"table": 50, "gallery": 24, "tree": tree.PER_PAGE}
WHOLE = 300
"""so many concepts still make one table, which a click on a header sorts as a whole"""

st.title("Concepts", anchor=False)
found = address.bank()
if found is None:
    address.no_bank()
con = db.cursor()
bank = found
bank_id, bank_name = bank.bank_id, bank.name
chosen = concept_list.filters()


def refilter(**changes: Any) -> None:
    address.set_params(f=concept_list.flags(replace(chosen, **changes)), p=None)


def pick_bank() -> None:
    names = [one.name for one in build.banks(con)]
    if len(names) == 1:
        return
    address.follow("bank", bank_name)
    st.segmented_control(
        "Bank",
        names,
        key="bank",
        required=True,
        on_change=address.write,
        args=("b", "bank", "c", "p"),
        label_visibility="collapsed",
        format_func=lambda n: plain(short(n)),
    )


def about_bank() -> None:
    made_by = methods.method(db.cursor(), "bank", bank.method)
    loss = "" if bank.r2 is None else f"R² {number(bank.r2)} · "
    st.caption(
        f"{plain(made_by.title)} · {counted(bank.n_concepts, 'concept')}, {bank.n_dead:,} dead · "
        f"{loss}{number(bank.l0)} non-zero codes a token · a code is "
        f"{plain(bank.code_unit)}{', signed' if bank.signed else ''} · "
        f"fitted in {seconds(bank.seconds)}",
        help=f"{defined.told(made_by)}  \n"
        "Dead: no image activates it. R²: share of the variance of all images' tokens that "
        "the bank reconstructs. Code: how strongly a token shows the concept.",
    )


def narrow() -> None:
    search, sort, more = st.columns([4, 3, 2], vertical_alignment="bottom")
    address.follow("search", chosen.search)
    search.text_input(
        "Search",
        key="search",
        icon=":material/search:",
        type="search",
        placeholder="Name, or #number",
        on_change=address.write,
        args=("q", "search", "p"),
        label_visibility="collapsed",
    )
    with sort:
        concept_order.pick(bank_id, bank_name)
    with more.popover("Filters", icon=":material/filter_list:", width="stretch"):
        address.follow("dead", not chosen.dead)
        st.toggle(
            "Show dead concepts",
            key="dead",
            help="Concepts that no image activates",
            on_change=lambda: refilter(dead=not st.session_state["dead"]),
        )
        address.follow("named", chosen.named)
        st.toggle(
            "Named only", key="named", on_change=lambda: refilter(named=st.session_state["named"])
        )
        concept_names.pick(bank_id, chosen.source, lambda source: refilter(source=source))
        address.follow("frequency", (100 * chosen.lowest, 100 * chosen.highest))
        st.slider(
            "Frequency, % of images",
            0.0,
            100.0,
            key="frequency",
            format="%g",
            step=0.5,
            on_change=lambda: refilter(
                lowest=st.session_state["frequency"][0] / 100,
                highest=st.session_state["frequency"][1] / 100,
            ),
        )
        address.follow("densest", 100 * chosen.densest)
        st.slider(
            "Hide denser than, % of tokens",
            0.0,
            100.0,
            key="densest",
            format="%g",
            step=1.0,
            on_change=lambda: refilter(densest=st.session_state["densest"] / 100),
        )
        st.button("Clear", on_click=lambda: address.set_params(f=None, q=None, p=None))


def pick_view(n: int) -> str:
    asked = address.param("v")
    offered = [v for v in VIEWS if v != "tree" or has_tree]
    view = asked if asked in offered else "table"
    address.follow("view", view)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.segmented_control(
            "View",
            offered,
            key="view",
            required=True,
            on_change=address.write,
            args=("v", "view", "p"),
            format_func=lambda v: f"{ICONS[v]} {VIEWS[v]}",
            label_visibility="collapsed",
        )
        st.caption(f"{n:,} of {counted(bank.n_concepts, 'concept')}")
    return view


def on_the_plane() -> int | None:
    layout = concepts.layout(con, bank_id)
    if layout.empty:
        st.info("This bank has no layout: it has too few concepts, or the build skipped it.")
        return None
    options = [c for c in concept_map.COLOURS if layout[c].notna().any()]
    if layout["grouping"].notna().any():
        options.append("group")
    by = st.selectbox(
        "Colour",
        options,
        key="colour",
        width=260,
        label_visibility="collapsed",
        format_func=lambda c: (
            "Colour: "
            + ("group of the name" if c == "group" else concept_map.COLOURS[c][0].lower())
        ),
    )
    told = image_map.trust(bank_id)
    st.caption(
        "The plane keeps near directions near; its axes have no unit, and far distances "
        "mean little. Dots grow with frequency. A click opens the concept."
        + (f" Its {told[0]}." if told else ""),
        help=told[1] if told else None,
    )
    points = figures.clicked(
        concept_map.chart(layout, ids, by=by), key=f"plane-{bank_id}", config=figures.ZOOMED
    )
    return int(points[0]["customdata"]) if points else None


pick_bank()
about_bank()
has_tree = tree.kind(bank_id)
prefixes = trees.prefixes(con, bank_id)
if not prefixes.empty:
    prefix_slider.show(prefixes, first=chosen.first, choose=lambda size: refilter(first=size or 0))
narrow()
ids = concept_list.ids(bank_id)
view = pick_view(len(ids))
if not len(ids):
    sought = f"the search “{plain(short(chosen.search))}” and " if chosen.search else ""
    st.info(f"No concept of this bank passes {sought}the filters.", icon=":material/info:")
    address.link("Show all", "concepts", icon=":material/arrow_forward:", b=bank_name, f="dead")
    st.stop()
if view == "map":
    opened = on_the_plane()
elif view == "tree" and has_tree:
    roots = tree.roots(bank_id, ids, of=has_tree)
    paging.turn(len(roots), PER_PAGE[view], key="page")
    start = paging.page(len(roots), PER_PAGE[view]) * PER_PAGE[view]
    top = roots[start : start + PER_PAGE[view]]
    key = f"tree-{bank_id}-{start}-{address.param('q')}-{address.param('o')}-{address.param('f')}"
    opened = tree.show(bank, ids, top, of=has_tree, key=key)
else:
    n = WHOLE if view == "table" and len(ids) <= WHOLE else PER_PAGE[view]
    paging.turn(len(ids), n, key="page")
    start = paging.page(len(ids), n) * n
    shown = ids[start : start + n].tolist()
    key = f"{view}-{bank_id}-{start}-{address.param('q')}-{address.param('o')}-{address.param('f')}"
    if view == "table":
        if len(shown) < len(ids):
            st.caption(
                f"“Sort” orders all {counted(len(ids), 'concept')}, by any column. A click on a "
                "column's "
                f"header sorts only the {len(shown)} of this page."
            )
        opened = concept_table.table(bank, shown, order=concept_order.key(), key=key)
    else:
        facts = build.build(con)
        grid = (facts.grid_h, facts.grid_w)
        opened = concept_table.cards(bank, shown, grid=grid, key=key)
if opened is not None:
    address.open_page("concept", **(concept_list.place() | {"b": bank_name, "c": opened}))
