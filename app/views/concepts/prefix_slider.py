"""Nested banks: a slider from the few general concepts to all, with what each prefix rebuilds."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import streamlit as st

from app import address
from app.format import number
from core.counted import counted


def show(rows: pd.DataFrame, *, first: int, choose: Callable[[int | None], None]) -> None:
    """rows: `data.queries.trees.prefixes`; `choose` gets the number of concepts, None for all."""
    sizes = [int(s) for s in rows["size"]]
    value = first if first in sizes else sizes[-1]
    address.follow("prefix", value)

    def changed() -> None:
        size = int(st.session_state["prefix"])
        choose(None if size == sizes[-1] else size)

    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.select_slider(
            "Coarse to fine: the first concepts",
            sizes,
            key="prefix",
            on_change=changed,
            width=360,
            help="This bank is nested: its first concepts rebuild tokens on their own, more of "
            "them more finely. The list shows those alone.",
        )
        row = rows[rows["size"] == value].iloc[0]
        for label, text, about in (
            (
                "R²",
                number(row["r2"]),
                "Share of token variance that these concepts rebuild alone, on "
                f"{counted(row['n'], 'token')}; the mean token has 0",
            ),
            (
                "R² of random directions",
                number(row["control"]),
                "As many of its control, on the same tokens",
            ),
            ("Codes a token", number(row["l0"]), "Mean number of their non-zero codes a token"),
            (
                "of the whole bank's R²",
                f"{number(100 * row['r2'] / rows['r2'].iloc[-1])} %"
                if rows["r2"].iloc[-1] > 0
                else "n/a",
                f"All {sizes[-1]:,} concepts have R² {number(rows['r2'].iloc[-1])}",
            ),
        ):
            with st.container(width="content", gap="xxsmall"):
                st.caption(label, help=about)
                st.markdown(f"**{text}**")
