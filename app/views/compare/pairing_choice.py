"""Which two banks are compared: the one that the address names, and one of it or another store."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import address, db
from app.format import plain, short
from app.views.compare.pairing import Side
from data.queries import build
from data.store import StoreError

OTHERS = 6
"""stores looked into for one of the same images"""


def _stems() -> list[str]:
    return [p.stem for p in db.available() if p.is_file()]


def side(stem: str, row: pd.Series) -> Side:
    return Side(stem, int(row["bank_id"]), str(row["name"]), db.key(stem))


def other_store(here: str) -> str:
    """As asked, else the first other store of the same data set, another model's or layer's before
    one of the same, else this one."""
    asked, stems = address.param("n"), _stems()
    if asked in stems:
        return str(asked)
    if asked:
        st.warning(f"There is no store called “{plain(short(asked, 60))}” here; another is shown.")
    ours, same = build.build(db.cursor()), here
    for stem in [s for s in stems if s != here][:OTHERS]:
        try:
            theirs = build.build(db.cursor(stem))
        except StoreError:
            continue
        if theirs["dataset"] != ours["dataset"]:
            continue
        if any(theirs[what] != ours[what] for what in ("backbone", "layer")):
            return stem
        same = stem if same == here else same
    return same


def other_bank(ours: pd.Series, here: str, stem: str) -> pd.Series | None:
    """As asked, else the one of the same name in another store, else another one of this."""
    banks = build.banks(db.cursor(stem))
    if banks.empty:
        return None
    wanted = address.param("j")
    if wanted is not None and wanted not in set(banks["name"]):
        st.warning(f"That store has no bank called “{plain(short(wanted, 60))}”; another is shown.")
        wanted = None
    if wanted is None and stem != here:
        wanted = str(ours["name"])
    chosen = banks[banks["name"] == wanted]
    if chosen.empty:
        same = banks["bank_id"] != ours["bank_id"] if stem == here else banks["bank_id"] >= 0
        chosen = banks[same] if same.any() else banks
    return chosen.iloc[0]


def choose(ours: pd.Series, here: str, there: str, theirs: pd.Series | None) -> None:
    """Which bank stands on either side."""
    stems = _stems()
    a, b = st.columns(2, gap="large")
    with a:
        st.markdown(f"**A** · {_what(here)}")
        address.follow("bank_a", ours["name"])
        st.selectbox(
            "Bank of A",
            list(build.banks(db.cursor())["name"]),
            key="bank_a",
            on_change=address.write,
            args=("b", "bank_a", "p"),
            label_visibility="collapsed",
        )
    with b:
        st.markdown(f"**B** · {_what(there)}")
        boxes = st.columns(2, gap="small") if len(stems) > 1 else [st.container()]
        if len(stems) > 1:
            address.follow("store_b", there)
            boxes[0].selectbox(
                "Store of B",
                stems,
                key="store_b",
                on_change=address.write,
                args=("n", "store_b", "j", "p"),
                label_visibility="collapsed",
                format_func=lambda s: f"{s} (this one)" if s == here else s,
            )
        if theirs is not None:
            address.follow("bank_b", theirs["name"])
            boxes[-1].selectbox(
                "Bank of B",
                list(build.banks(db.cursor(there))["name"]),
                key="bank_b",
                on_change=address.write,
                args=("j", "bank_b", "p"),
                label_visibility="collapsed",
            )


def _what(stem: str) -> str:
    facts = build.build(db.cursor(stem))
    return (
        f"{plain(short(facts['backbone'], 40))} at {plain(short(facts['layer'], 40))} · "
        f"{int(facts['n_images']):,} images"
    )
