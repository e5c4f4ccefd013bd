"""Two sets of images: which concepts one shows more of, alone, by class, or tied to the class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from app import address, db
from app.format import number, plain, short
from app.views.differences import (
    compared,
    difference_charts,
    difference_examples,
    difference_kinds,
    difference_table,
    set_choice,
    top,
)
from app.widgets import figures, gallery
from core.compare import class_shifts, orders
from core.compare.image_sets import delta, temperature
from data.queries import build, comparing

TIMES = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)

st.title("Differences", anchor=False)
found = address.bank()
con = db.cursor()
splits, classes = set_choice.splits(), set_choice.classes()
if found is None or not splits:
    what = "concept bank" if found is None else "image"
    address.unknown(
        what,
        None,
        exists=f"This store holds no {what}, so there is nothing to compare.",
        onward=[("What it does hold", "overview", {})],
    )
    st.stop()
bank = found
bank_id, bank_name, unit = bank.bank_id, bank.name, bank.code_unit
judged = bool(len(classes)) and not build.accuracies(con).query("model == 'backbone'").empty
offered = set_choice.pairs(splits, classes, judged=judged)
asked = [set_choice.read(address.param(k), splits=splits, classes=classes) for k in ("a", "z")]
first = next(iter(offered.values()))
a, b = asked[0] or first[0], asked[1] or first[1]
refused = [address.param(k) for k, s in zip(("a", "z"), asked, strict=True) if s is None]
if any(refused):
    st.warning(
        "The address names a set that this store does not have, "
        f"“{plain(short(next(r for r in refused if r), 60))}”; another is shown."
    )


def set_both(left: set_choice.ImageSet, right: set_choice.ImageSet) -> None:
    address.set_params(a=left.text(), z=right.text())


def choose() -> None:
    names = [one.name for one in build.banks(con)]
    with st.container(horizontal=True, vertical_alignment="center"):
        if len(names) > 1:
            address.follow("bank_d", bank_name)
            st.selectbox(
                "Bank",
                names,
                key="bank_d",
                on_change=address.write,
                args=("b", "bank_d"),
                format_func=lambda n: f"Bank: {short(n)}",
                label_visibility="collapsed",
                width=240,
            )
        for i, (name, pair) in enumerate(offered.items()):
            st.button(plain(name), key=f"pair_{i}", on_click=set_both, args=pair, type="tertiary")
    left, swap, right = st.columns([12, 1, 12], vertical_alignment="bottom")
    for column, side, key_, chosen in ((left, "A", "a", a), (right, "B", "z", b)):
        with column:
            _, _, n = set_choice.members(chosen)
            draw = f", a draw of {set_choice.MOST:,}" if n > set_choice.MOST else ""
            st.markdown(
                f"**Set {side}** · {plain(set_choice.describe(chosen, classes))} · "
                f"{n:,} image{'s' if n != 1 else ''}{draw}"
            )
            set_choice.choose(side, key_, chosen, splits=splits, classes=classes, judged=judged)
    swap.button(
        "",
        key="swap",
        icon=":material/swap_horiz:",
        on_click=set_both,
        args=(b, a),
        help="Exchange A and B",
    )


def pick_kind(bar: Any, n_classes: int, *, paired: bool) -> str:
    offered = difference_kinds.offered(n_classes)
    asked_kind = address.param("k")
    first = difference_kinds.default(a, b, n_classes=n_classes, paired=paired)
    kind = asked_kind if asked_kind in offered else first
    address.follow("kind", kind)
    bar.segmented_control(
        "Compare by",
        offered,
        key="kind",
        required=True,
        on_change=address.write,
        args=("k", "kind"),
        format_func=lambda k: difference_kinds.KINDS[k],
        label_visibility="collapsed",
    )
    return kind


def pick_temperature(bar: Any, rows: pd.DataFrame) -> float:
    """As a multiple of the default, so that the address fits every bank."""
    default = temperature(rows["difference"].to_numpy())
    text = address.param("d")
    times = next((t for t in TIMES if f"{t:g}" == text), 1.0)
    address.follow("times", times)
    bar.select_slider(
        "Temperature of δ",
        TIMES,
        key="times",
        on_change=lambda: address.set_params(d=f"{st.session_state['times']:g}"),
        format_func=lambda t: f"{t:g} x",
        help="δ = sigmoid((mean in B − mean in A) / T), 0..1: 0.5 says equal, above 0.9 more "
        "of it in B, below 0.1 less. By default T puts the 95 % quantile of the sizes of the "
        "differences at 0.9. A smaller T makes δ more decided.",
    )
    value = times * default
    strong = delta(rows["difference"].to_numpy(), value)
    beyond = (rows["q"] <= top.FALSE).to_numpy()
    told = [
        f"{sign} for {int(those.sum()):,} ({int((those & beyond).sum()):,})"
        for sign, those in (("δ > 0.9", strong > 0.9), ("δ < 0.1", strong < 0.1))
    ]
    bar.caption(
        f"T = {number(value)} {plain(unit)} · {', '.join(told)} of {len(rows):,} concepts; in "
        "brackets those beyond chance"
    )
    return value


def open_concept(concept_id: int) -> None:
    address.open_page("concept", b=bank_name, c=concept_id)


def picture(drawn: pd.DataFrame, kind: str) -> None:
    figure = difference_charts.largest(drawn, kind=kind, unit=unit, classes=classes)
    for point in figures.clicked(figure, key=f"top-{kind}-{bank_id}-{a.text()}-{b.text()}"):
        if point.get("customdata"):
            open_concept(int(point["customdata"][0]))


def examples(rows: pd.DataFrame, kind: str) -> None:
    facts = build.build(con)
    grid = (facts.grid_h, facts.grid_w)
    names = (set_choice.describe(a, classes), set_choice.describe(b, classes))
    shown = difference_examples.groups(
        bank_id,
        rows,
        a,
        b,
        names=names,
        n_tokens=grid[0] * grid[1],
        classes=None if kind == "energy" else classes,
    )
    opened = gallery.show(
        shown,
        key=f"shown-{kind}-{bank_id}-{a.text()}-{b.text()}",
        grid=grid,
        side=gallery.SIDES["S"],
        maps={"signed": bank.signed, "unit": unit, "limit": None},
    )
    if opened is not None:
        address.open_page("image", b=bank_name, i=opened)


def summary(
    kind: str, more: pd.DataFrame, less: pd.DataFrame, *, n: tuple[int, int], n_classes: int
) -> str:
    """How many differences there are and what they are measured on."""
    n_sure, n_less = int(more["sure"].sum()), int(less["sure"].sum())
    words = ("tied closer", "tied looser") if kind == "tie" else ("stronger", "weaker")
    told = (
        f"Beyond chance, {n_sure:,} of {len(rows):,} concepts are {words[0]} in B and {n_less:,} "
        f"{words[1]} (filled; false discovery rate {100 * top.FALSE:g} %: about one in twenty of "
        "them may be chance; hollow: chance may do as much). "
    )
    swapped = "images" if kind == "energy" else "images of a class"
    swapped = swapped if matched is None else "the two of a pair"
    chance = f"Chance: {swapped} change sides at random, up to {orders.most(len(rows)):,} times"
    if kind == "energy":
        return told + (
            f"Measured on {n[0]:,} and {n[1]:,} images. {chance}. Bars: 95 % intervals, of how "
            "often a concept fires and how strongly where it does."
        )
    drawn = "pairs" if matched is not None else "images"
    bars = (
        ""
        if kind == "within"
        else (
            f" Bars: 95 % intervals from {class_shifts.RESAMPLES:,} resamples of the {drawn} of "
            "each class."
        )
    )
    return told + (
        f"Measured on {n[0]:,} and {n[1]:,} images of the {n_classes:,} classes with two or more "
        f"on both sides. {chance}.{bars}"
    )


choose()
(ids_a, of_a, n_a), (ids_b, of_b, n_b) = set_choice.members(a), set_choice.members(b)
if not n_a or not n_b:
    st.info("One of the sets has no image; loosen its filter.", icon=":material/info:")
    st.stop()
both = len(set(ids_a) & set(ids_b))
matched = compared.pairs(a, b)
if matched is not None:
    done = [note for s in (a, b) if s.split and (note := comparing.altered(con, s.split))]
    st.caption(
        f":material/link: The sets are {len(matched[0]):,} pairs of one image before and after"
        f"{': ' if done else ''}{plain('; '.join(done))}. Everything below is of the pairs: "
        "intervals are of pairs, and by chance only the two of a pair change sides."
    )
    ids_a, of_a, ids_b, of_b = matched
elif both:
    st.caption(
        f":material/info: {both:,} images are in both sets; intervals treat the sets as if they "
        "were drawn apart."
    )
comparable = class_shifts.comparable(of_a, of_b)
left, right = st.columns([3, 2], gap="large")
kind = pick_kind(left, len(comparable), paired=matched is not None)
about = difference_kinds.ABOUT[kind]
if len(comparable) < 2 and classes:
    about += " Further views need two classes or more that both sets hold, two images each."
(left if kind == "energy" else st).caption(about)
rows = compared.frame(bank_id, a, b, kind)
if rows.empty:
    st.info("This bank has no concept.")
    st.stop()
if kind == "energy":
    value = pick_temperature(right, rows)
    rows = rows.assign(delta=delta(rows["difference"].to_numpy(), value))
    used = len(ids_a), len(ids_b)
else:
    used = int(np.isin(of_a, comparable).sum()), int(np.isin(of_b, comparable).sum())
more, less = top.directions(rows, kind)
st.caption(summary(kind, more, less, n=used, n_classes=len(comparable)))
narrow, wide = st.columns([5, 6], gap="medium")
with narrow:
    drawn = top.picked(more, less)
    if drawn.empty:
        st.info("The sets do not differ in any concept.")
    else:
        picture(drawn, kind)
with wide:
    examples(top.exemplary(more, less, kind), kind)
opened = difference_table.show(
    rows, kind=kind, unit=unit, classes=classes, key=f"all-{kind}-{bank_id}"
)
if opened is not None:
    open_concept(opened)
