"""In which order the concepts of a bank are listed: by any column of the table, either way."""

from __future__ import annotations

import streamlit as st

from app import address, db
from app.widgets import people
from core.catalogue import CONCEPT_COLUMNS
from data.queries import concepts

FURTHER: dict[str, str] = {
    "name": "Name",
    "id": "Number",
    "people": "Named by people",
    "margin": "Name AUC over 2nd AUC",
    "gap": "Gap of present and absent",
}
"""orders that are no column of the table's facts"""
LABELS: dict[str, str] = {
    key: FURTHER.get(key) or CONCEPT_COLUMNS[key].heading for key in concepts.ORDERS
}
"""key of data.queries.concepts.ORDERS -> words"""
_WORDED = {key for key, column in CONCEPT_COLUMNS.items() if column.format == "text"}
TEXTS = {"name", "people", *_WORDED} - {"by"}
"""from A to Z; where a name comes from has an order of its own"""
RISES = {"id", "by", *TEXTS}
"""orders that start with the smallest where the address says no direction"""


def key() -> str:
    """Of LABELS, from the address: `o=KEY`, `o=KEY-asc` or `o=KEY-desc`."""
    asked = (address.param("o") or "").partition("-")[0]
    return asked if asked in LABELS else "frequency"


def rising() -> bool:
    """Whether the smallest value, or the first letter, comes first."""
    asked, _, direction = (address.param("o") or "").partition("-")
    if asked in LABELS and direction in ("asc", "desc"):
        return direction == "asc"
    return key() in RISES


def direction(*, up: bool) -> str:
    """In words, of the order in use."""
    if key() in TEXTS:
        return "A to Z" if up else "Z to A"
    if key() == "by":
        return "labels first" if up else "vocabulary first"
    return "smallest first" if up else "largest first"


def words() -> str:
    return f"by {LABELS[key()]}, {direction(up=rising())}"


def spoken(bank: str) -> tuple[int, ...]:
    """Concepts that people named or marked, A to Z."""
    said = people.marks(bank)
    return tuple(sorted(said, key=lambda concept: (said[concept].lower(), concept)))


def pick(bank_id: int, bank: str) -> None:
    """Which column to sort by, and which way; those without a value in the bank are left out."""
    known = set(concepts.orders(db.cursor(), bank_id)) - (set() if spoken(bank) else {"people"})
    which, way = st.columns([5, 2], gap="small", vertical_alignment="bottom")
    address.follow("order", key())
    which.selectbox(
        "Sort by",
        [k for k in LABELS if k in known or k == key()],
        key="order",
        on_change=address.write,
        args=("o", "order", "p"),
        label_visibility="collapsed",
        format_func=lambda k: f"Sort: {LABELS[k]}",
    )
    up = rising()
    way.button(
        "",
        key="direction",
        icon=":material/arrow_upward:" if up else ":material/arrow_downward:",
        help=f"Now {direction(up=up)}; a click turns it to {direction(up=not up)}. Concepts "
        "without a value come last either way.",
        on_click=address.set_params,
        kwargs={"o": f"{key()}-{'desc' if up else 'asc'}", "p": None},
    )
