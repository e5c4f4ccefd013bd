"""Turning the pages of a long list; the address holds the page, counted from 1."""

from __future__ import annotations

import streamlit as st

from app import address


def page(n: int, per_page: int) -> int:
    """The page of `n` rows that the address names, else the nearest there is; from 0."""
    return min(max(address.int_param("p") or 1, 1), _pages(n, per_page)) - 1


def turn(n: int, per_page: int, *, key: str) -> None:
    """Where the pages are turned, if there are several."""
    now = page(n, per_page) + 1
    if _pages(n, per_page) > 1:
        widget = f"{key}-{now}"  # has a default of its own, so it cannot follow the address
        st.pagination(
            _pages(n, per_page),
            default=now,
            key=widget,
            on_change=address.write,
            args=("p", widget),
        )


def _pages(n: int, per_page: int) -> int:
    return max(1, -(-n // per_page))
