"""Every bank beside every other, beside random directions, and beside a plain probe."""

from __future__ import annotations

import streamlit as st

from app import address, db
from app.format import plain, short
from app.views.leaderboard import standings
from app.widgets import figures, learnability
from core.counted import counted
from core.kinds import FITTED
from data.queries import build, leaderboard, methods

st.title("Leaderboard", anchor=False)
con = db.cursor()
banks = build.banks(con)
if not banks:
    address.no_bank()


def all_banks() -> None:
    st.caption(
        "A number means little alone. Under each bank stand its control, its directions turned at "
        "random, each on as often and as strongly as its concept, and its chance; real "
        "activations and models without concepts close the table. n is what a number was counted "
        "on. A click on a title sorts; titles explain themselves on hover."
    )
    figures, baselines = leaderboard.figures(con), leaderboard.baselines(con)
    if figures.empty:
        st.info("Nothing was measured of the banks of this store.")
        return
    rows, counts = standings.standings(banks, figures, baselines)
    groups = st.pills(
        "Measures",
        standings.groups(rows),
        default=["Summary"],
        selection_mode="multi",
        key="measures",
        label_visibility="collapsed",
    )
    there = [kind for kind in standings.WHICH if (rows["what"] == kind).any()]
    kinds = st.pills(
        "Rows",
        there,
        default=there,
        format_func=standings.TITLES.__getitem__,
        selection_mode="multi",
        key="rows",
        label_visibility="collapsed",
    )
    splits = sorted(build.splits(con)["split"], key=lambda split: split in FITTED)
    wanted = standings.measures(groups, splits, rows)
    made_by = [
        methods.method(con, "bank", name) for name in dict.fromkeys(bank.method for bank in banks)
    ]
    within = standings.intervals(figures, baselines)
    standings.table(rows, counts, wanted=wanted, kinds=kinds, made_by=made_by, within=within)
    heads = leaderboard.reading_heads(con)
    said = ", ".join(plain(short(head)) for head in heads.loc[~heads["residual"], "head"])
    st.caption(
        "Empty cells: what cannot be measured of a bank, as reconstruction where nothing is "
        "rebuilt, or was not asked for, as stability."
        + (f" Accuracy, means of labels and fidelity are of the heads {said}." if said else "")
    )


def learnable() -> None:
    st.subheader("Learnability", anchor=False)
    st.caption(
        "Can a label be read off the concepts as well as off the plain activations? 5-fold "
        "cross-validated on held-out images. A concept worth its name comes close to the plain "
        "probe, and well above the same of random directions."
    )
    found = leaderboard.probe_summary(con)
    if found.empty:
        st.info("No label was probed: no held-out image carries labels of both kinds.")
        return
    learnability.summary_table(learnability.summary(found))
    names = list(dict.fromkeys(found["bank"]))
    asked = address.param("b")
    chosen = str(asked if asked in names else names[0])
    address.follow("probe-bank", chosen)
    st.segmented_control(
        "Bank",
        names,
        key="probe-bank",
        required=True,
        on_change=address.write,
        args=("b", "probe-bank"),
        format_func=lambda n: plain(short(n)),
    )
    bank = next(bank for bank in banks if bank.name == chosen)
    if bank.label_level is not None:
        st.caption(
            ":material/info: This bank was itself fitted to the labels of all train images; the "
            "plain probe sees only four fifths of the held-out ones. A narrow win here may be "
            "more labels rather than better concepts."
        )
    rows = learnability.prepared(leaderboard.probes(con, bank.bank_id))
    if rows.empty:
        st.info("No label was probed on this bank.")
        return
    opened = learnability.table(rows, key=f"probes-{bank.bank_id}")
    both = int((rows["flag"] == "▲ plain probe wins").sum())
    n_hard = min(24, len(rows))
    st.caption(
        f"The plain probe beats both the best latent and the top latents of {plain(short(chosen))} "
        f"on {both:,} of {counted(len(rows), 'label')}. Below: the {counted(n_hard, 'label')} "
        "that are hardest for it."
    )
    figures.show(learnability.chart(rows), key="probe-chart")
    if opened is not None:
        address.open_page("concept", b=chosen, c=opened)


all_banks()
learnable()
