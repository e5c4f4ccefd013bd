"""Two models, checkpoints or banks on the same images: which concepts do they share?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from app import address, db
from app.format import number, plain, rate
from app.views.compare import pairing, pairing_choice, pairing_tables
from app.views.compare.pairing import Side
from app.widgets import figures, paging
from core.compare import matching
from core.counted import counted
from data.store import StoreError

PER_PAGE, ALONE = 25, 40
THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(20))
DEFAULT = 0.5

st.title(
    "Compare",
    anchor=False,
    help="Concepts are paired off by how alike they are on the images that both saw: the "
    "assignment of largest total likeness.",
)
st.caption(
    "Two models, checkpoints, layers or fits on the same images: which concepts do they share, and "
    "which has only one of them?"
)
found = address.bank()
if found is None:
    address.no_bank(so=", so there is nothing to compare")
here = db.store_path().stem


def controls(kinds: list[str], chance: dict[str, np.ndarray]) -> tuple[str, float]:
    left, right = st.columns([3, 2], gap="large")
    asked = address.param("k")
    kind = asked if asked in kinds else kinds[0]
    address.follow("likeness", kind)
    left.segmented_control(
        "Pair by",
        kinds,
        key="likeness",
        required=True,
        on_change=address.write,
        args=("k", "likeness", "p"),
        format_func=lambda k: pairing_tables.KINDS[k][0],
    )
    left.caption(pairing_tables.KINDS[kind][1] + ".")
    text = address.param("d")
    threshold = next((t for t in THRESHOLDS if f"{t:g}" == text), DEFAULT)
    address.follow("threshold", threshold)
    right.select_slider(
        "Threshold",
        THRESHOLDS,
        key="threshold",
        format_func=lambda t: f"{t:g}",
        on_change=lambda: address.set_params(d=f"{st.session_state['threshold']:g}", p=None),
        help="A pair that is less alike counts as unmatched on both sides. By chance 95 % of pairs "
        f"lie below {number(float(np.quantile(chance[kind], 0.95)))}.",
    )
    return kind, threshold


there = pairing_choice.other_store(here)
try:
    theirs = pairing_choice.other_bank(found, here, there)
    pairing_choice.choose(found, here, there, theirs)
except StoreError as error:
    st.warning(plain(str(error)), icon=":material/database_off:")
    st.stop()
if theirs is None:
    st.info("The other store holds no concept bank; choose another.", icon=":material/info:")
    st.stop()
one, two = pairing_choice.side(here, found), pairing_choice.side(there, theirs)
if (one.stem, one.bank_id) == (two.stem, two.bank_id):
    st.info(
        "Both sides are the same bank: choose another bank for B. With a second store of the same "
        "images, of another model or checkpoint (`python -m app FOLDER`), its banks can be chosen.",
        icon=":material/info:",
    )
    st.stop()
c = pairing.compare(one, two)
if c is None:
    st.info(
        f"The two stores share {counted(len(pairing.shared(one, two)), 'image')}, by file name "
        "and size; "
        f"{pairing.FEWEST} are needed, and a living concept on each side.",
        icon=":material/info:",
    )
    st.stop()
kind, threshold = controls(list(c.likeness), c.chance)
pairs = matching.match(c.likeness[kind])
matched = int((pairs.value >= threshold).sum())
lucky = int((c.chance[kind] >= threshold).sum())
only_a = np.setdiff1d(np.arange(len(c.left)), pairs.left[:matched])
only_b = np.setdiff1d(np.arange(len(c.right)), pairs.right[:matched])
picture, words = st.columns(2, gap="large", vertical_alignment="center")
with picture:
    figures.show(
        pairing_tables.strengths(pairs, c.chance[kind], threshold=threshold, kind=kind),
        key=f"strengths-{kind}",
    )
with words:
    for column, (label, value, about) in zip(
        st.columns(3),
        (
            ("Pairs", f"{matched:,}", f"At or above the threshold; by chance {lucky:,}"),
            ("Only in A", f"{len(only_a):,}", f"Of {counted(len(c.left), 'concept')}"),
            ("Only in B", f"{len(only_b):,}", f"Of {counted(len(c.right), 'concept')}"),
        ),
        strict=True,
    ):
        column.metric(label, value, help=about)
    dealt = (
        "random directions" if kind == "cosine" else "B's images dealt out at random, paired anew"
    )
    draw = f", a draw of {c.n:,}" if c.n < c.n_shared else ""
    lines = [
        f"{rate(matched, min(len(c.left), len(c.right)))} of the possible pairs; {lucky:,} by "
        f"chance ({dealt}).",
        f"{c.n_shared:,} shared images{draw}, by file name and size; maps on {c.n_mapped:,} of "
        f"them, {c.grid}.",
        c.space,
    ]
    most = pairing.MOST
    if max(len(c.left), len(c.right)) == most:
        lines.append(f"Of each bank the {most:,} most frequent living concepts at most.")
    if np.isfinite(c.all_shift):
        lines.append(f"Mean shift of all shared images: {number(c.all_shift)} units of activation.")
    st.caption("  \n".join(lines))


def open_concept(of: Side, concept_id: int) -> None:
    address.open_page("concept", s=of.stem, b=of.bank, c=concept_id)


st.subheader("Pairs", anchor=False)
if not matched:
    st.info("No pair reaches the threshold; lower it.", icon=":material/info:")
else:
    page = paging.page(matched, PER_PAGE)
    places = np.arange(page * PER_PAGE, min((page + 1) * PER_PAGE, matched))
    tag = f"{one.stem}-{one.bank_id}-{two.stem}-{two.bank_id}-{kind}"
    clicked = pairing_tables.pairs(one, two, c, pairs, places, key=f"pairs-{tag}-{page}")
    paging.turn(matched, PER_PAGE, key="pairs_page")
    if clicked is not None:
        open_concept(*clicked)
sides = st.columns(2, gap="large")
for column, letter, of, rows, places, other, likeness in (
    (sides[0], "A", one, c.left, only_a, c.right, c.likeness[kind]),
    (sides[1], "B", two, c.right, only_b, c.left, c.likeness[kind].T),
):
    with column:
        st.subheader(f"Only in {letter}", anchor=False)
        if not len(places):
            st.caption("Every concept has a partner.")
            continue
        often = np.argsort(-rows["active"].to_numpy()[places], kind="stable")
        shown = places[often][:ALONE]
        best = likeness[shown].argmax(1)
        clicked_alone = pairing_tables.alone(
            of,
            rows.iloc[shown],
            likeness[shown, best],
            pairing_tables.titles(other, best),
            letter=letter,
            key=f"only-{letter}-{of.stem}-{of.bank_id}-{kind}-{threshold}",
        )
        if len(places) > ALONE:
            st.caption(f"The {ALONE} most frequent of {len(places):,}.")
        if clicked_alone is not None:
            open_concept(of, clicked_alone)
