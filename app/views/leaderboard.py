"""Every bank beside every other, beside random directions, and beside a plain probe."""

from __future__ import annotations

import streamlit as st

from app import db, state
from app.components import learnability, standings
from app.components.format import plain, short
from data.queries import build as ask
from data.queries import leaderboard as board

st.title("Leaderboard", anchor=False)
con = db.cursor()
banks = ask.banks(con)
if banks.empty:
    state.unknown(
        "concept bank",
        None,
        exists="This store holds no concept bank: its recipe names none.",
        onward=[("What it does hold", "overview", {})],
    )
    st.stop()


def all_banks() -> None:
    st.caption(
        "A number means little alone. Under each bank stands its control: as many random "
        "directions, coded as sparsely by least squares. Chance and real activations close the "
        "table. A click on a title sorts; titles explain themselves on hover."
    )
    figures = board.figures(con)
    heads = board.head_accuracies(con)
    baselines = board.baseline_accuracies(con)
    if figures.empty and heads.empty:
        st.info("Nothing was measured of the banks of this store.")
        return
    choices = [*standings.GROUPS, standings.HEADS]
    left, right = st.columns([5, 2], vertical_alignment="center")
    groups = left.pills(
        "Measures",
        choices,
        default=standings.SHOWN,
        selection_mode="multi",
        key="measures",
        label_visibility="collapsed",
    )
    counts = right.toggle("Show n", key="counts", help="How many cases each number is of")
    rows = standings.standings(banks, figures, heads, baselines)
    splits = sorted(ask.splits(con)["split"], key=lambda split: split == "train")
    standings.table(rows, groups=list(groups), counts=counts, splits=splits)
    missing = [n for n in ("r2", "stability") if n not in rows or rows[n].isna().any()]
    if missing:
        st.caption(
            "Empty cells: a bank that does not reconstruct has no reconstruction measures; "
            "stability is measured where the recipe sets it; heads that equal the backbone are "
            "left out."
        )


def learnable() -> None:
    st.subheader("Learnability", anchor=False)
    st.caption(
        "Can a label be read off the concepts as well as off the plain activations? 5-fold "
        "cross-validated on held-out images. A concept worth its name comes close to the plain "
        "probe, and well above the same of random directions."
    )
    found = board.probe_summary(con)
    if found.empty:
        st.info("No label was probed: no held-out image carries labels of both kinds.")
        return
    learnability.summary_table(learnability.summary(found))
    names = list(dict.fromkeys(found["bank"]))
    asked = state.param("b")
    chosen = str(asked if asked in names else names[0])
    state.follow("probe-bank", chosen)
    st.segmented_control(
        "Bank",
        names,
        key="probe-bank",
        required=True,
        on_change=state.write,
        args=("b", "probe-bank"),
        format_func=lambda n: plain(short(n)),
    )
    bank_id = int(banks.loc[banks["name"] == chosen, "bank_id"].iloc[0])
    if isinstance(banks.loc[banks["name"] == chosen, "label_level"].iloc[0], str):
        st.caption(
            ":material/info: This bank was itself fitted to the labels of all train images; the "
            "plain probe sees only four fifths of the held-out ones. A narrow win here may be "
            "more labels rather than better concepts."
        )
    rows = learnability.prepared(board.probes(con, bank_id))
    if rows.empty:
        st.info("No label was probed on this bank.")
        return
    opened = learnability.table(rows, key=f"probes-{bank_id}")
    both = int((rows["flag"] == "▲ plain probe wins").sum())
    n_hard = min(24, len(rows))
    st.caption(
        f"The plain probe beats both the best latent and the top latents of {plain(short(chosen))} "
        f"on {both:,} of {len(rows):,} labels. Below: the {n_hard} labels that are hardest for it."
    )
    st.plotly_chart(learnability.chart(rows), key="probe-chart", config={"displayModeBar": False})
    if opened is not None:
        state.open_page("concept", b=chosen, c=opened)


all_banks()
learnable()
