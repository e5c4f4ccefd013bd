"""Heads whose logits are sums of concepts: only those can be edited and explained by weights."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app import db
from app.format import plain, short
from data.queries import build


def known() -> pd.DataFrame:
    """As `data.queries.build.heads`."""
    found = build.heads(db.cursor())
    return found[found["linear"].astype(bool)].reset_index(drop=True)


def tell_others() -> None:
    """Which heads are not offered, and why; the one that the address asks for included."""
    found = build.heads(db.cursor())
    others = [plain(short(name)) for name in found.loc[~found["linear"].astype(bool), "name"]]
    if others:
        one = len(others) == 1
        st.caption(
            f"Not offered: {', '.join(others)}. {'It does' if one else 'They do'} not read the "
            "concepts' scores through weights, so there is nothing to edit or to add up; "
            f"{'its' if one else 'their'} accuracy stands on Overview and Metrics."
        )
