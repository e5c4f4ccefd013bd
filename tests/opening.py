"""Which page an AppTest opens first."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash


def choose(at: AppTest, page: str) -> None:
    """Open `page` at the first run. Until then AppTest knows no page but by its file's name, and
    all of ours are called page.py."""
    at._page_hash = calc_hash(page)
