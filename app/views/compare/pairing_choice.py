"""Which two banks are compared: the one that the address names, and one of it or another store."""

from __future__ import annotations

import streamlit as st

from app import address, db
from app.format import plain, short
from app.views.compare.pairing import Side
from core.counted import counted
from data.queries import build
from data.queries.build import Bank
from data.store import StoreError

OTHERS = 6
"""stores looked into for one of the same images"""


def _stems() -> list[str]:
    return [p.stem for p in db.available() if p.is_file()]


def side(stem: str, bank: Bank) -> Side:
    return Side(stem, bank.bank_id, bank.name, db.key(stem))


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
        if theirs.dataset != ours.dataset:
            continue
        if (theirs.backbone, theirs.layer) != (ours.backbone, ours.layer):
            return stem
        same = stem if same == here else same
    return same


def other_bank(ours: Bank, here: str, stem: str) -> Bank | None:
    """As asked, else the one of the same name in another store, else another one of this."""
    banks = build.banks(db.cursor(stem))
    if not banks:
        return None
    wanted = address.param("j")
    if wanted is not None and wanted not in {bank.name for bank in banks}:
        st.warning(f"That store has no bank called “{plain(short(wanted, 60))}”; another is shown.")
        wanted = None
    if wanted is None and stem != here:
        wanted = ours.name
    named = [bank for bank in banks if bank.name == wanted]
    others = [bank for bank in banks if stem != here or bank.bank_id != ours.bank_id]
    return (named or others or banks)[0]


def choose(ours: Bank, here: str, there: str, theirs: Bank | None) -> None:
    """Which bank stands on either side."""
    stems = _stems()
    a, b = st.columns(2, gap="large")
    with a:
        st.markdown(f"**A** · {_what(here)}")
        address.follow("bank_a", ours.name)
        st.selectbox(
            "Bank of A",
            [bank.name for bank in build.banks(db.cursor())],
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
            address.follow("bank_b", theirs.name)
            boxes[-1].selectbox(
                "Bank of B",
                [bank.name for bank in build.banks(db.cursor(there))],
                key="bank_b",
                on_change=address.write,
                args=("j", "bank_b", "p"),
                label_visibility="collapsed",
            )


def _what(stem: str) -> str:
    facts = build.build(db.cursor(stem))
    return (
        f"{plain(short(facts.backbone, 40))} at {plain(short(facts.layer, 40))} · "
        f"{counted(facts.n_images, 'image')}"
    )
