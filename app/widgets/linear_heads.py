"""Heads whose logits are sums of concepts: only those can be edited and explained by weights."""

from __future__ import annotations

import streamlit as st

from app import db
from app.format import plain, short
from data.queries import build
from data.queries.build import HeadFacts


def known() -> list[HeadFacts]:
    return [head for head in build.heads(db.cursor()) if head.linear]


def tell_others() -> None:
    """Which heads are not offered, and why; the one that the address asks for included."""
    others = [plain(short(head.name)) for head in build.heads(db.cursor()) if not head.linear]
    if others:
        one = len(others) == 1
        st.caption(
            f"Not offered: {', '.join(others)}. {'It does' if one else 'They do'} not read the "
            "concepts' scores through weights, so there is nothing to edit or to add up; "
            f"{'its' if one else 'their'} accuracy stands on Overview and Metrics."
        )
