"""What is being looked at lives in the address, so that every view can be linked to.

`app.pages` says what each key means and which page takes it up again. Widgets follow the address
(`follow` before, `on_change=write` after), never the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import streamlit as st

from app import db
from app.format import plain, short
from app.pages import KEYS, PAGES
from data.queries import build
from data.queries.build import Bank

# edits say nothing without what they edit
BELONGS: dict[str, tuple[str, ...]] = {
    "e": ("i", "h"),
    "r": ("i",),
    "g": ("h",),
    "l": ("i", "h"),
    "le": ("h",),
}
LARGEST_ID = 2**31 - 1


def param(key: str) -> str | None:
    """A value of the address, None where it is absent or empty."""
    return st.query_params.get(key) or None


def int_param(key: str) -> int | None:
    """A whole number >= 0 that fits an id, None where it is absent or anything else."""
    text = param(key)
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 10:
        return None
    value = int(text)
    return value if value <= LARGEST_ID else None


def set_params(**changes: object) -> None:
    """Change the address; None removes a key."""
    for key, value in changes.items():
        if value is None or value == "":
            st.query_params.pop(key, None)
        elif st.query_params.get(key) != str(value):
            st.query_params[key] = str(value)
    _remember()


def address(**params: object) -> dict[str, str]:
    """Query of a link: the store, and the values that are not None."""
    full = {"s": param("s"), **params}
    return {k: str(v) for k, v in full.items() if v is not None and v != ""}


def open_page(view: str, **params: object) -> None:
    """Go to a page; nothing after this call runs."""
    st.switch_page(f"views/{view}/page.py", query_params=address(**params))


def link(
    label: str,
    view: str,
    *,
    icon: str | None = None,
    help: str | None = None,
    width: Any = "content",
    **params: object,
) -> None:
    """A link to a page; `label` is Markdown, so pass data through `format.plain`."""
    st.page_link(
        f"views/{view}/page.py",
        label=label,
        icon=icon,
        help=help,
        width=width,
        query_params=address(**params),
    )


def follow(widget: str, value: object) -> None:
    """Set a widget to what the address says; call it just before the widget is made."""
    if st.session_state.get(widget) != value:
        st.session_state[widget] = value


def write(key: str, widget: str, *clears: str) -> None:
    """As a widget's `on_change`: put its value into the address and drop `clears`."""
    value = st.session_state.get(widget)
    set_params(**{key: value, **dict.fromkeys(clears)})


def _now() -> dict[str, str]:
    return {k: st.query_params[k] for k in KEYS if k in st.query_params}


def resume(view: str) -> None:
    """Complete the address on arriving at a page, and remember it.

    The menu opens a page without an address: it takes up what was last looked at. The browser's
    Back across pages brings the query of the page it leaves: the page takes up its own again.
    """
    seen: dict[str, dict[str, str]] = st.session_state.setdefault("addresses", {})
    last: dict[str, str] = st.session_state.setdefault("last_looked_at", {})
    before: str | None = st.session_state.get("page")
    given = _now()
    same_store = given.get("s") in (None, last.get("s"))
    if before not in (None, view) and same_store:
        if given and view in seen and given == seen.get(before):
            st.query_params.from_dict(seen[view])
        elif given.keys() <= {"s"}:
            kept = {k: last[k] for k in ("s", *PAGES[view].keys) if k in last}
            st.query_params.from_dict(kept)
    if not same_store:
        last.clear()
        seen.clear()
    st.session_state["page"] = view
    _remember()


def _remember() -> None:
    view = st.session_state.get("page")
    if view is None:
        return
    now = _now()
    last = st.session_state["last_looked_at"]
    if now.get("b") != last.get("b"):
        last.pop("c", None)  # a number says nothing without its bank
    looked_at = {k: last.get(k) for owners in BELONGS.values() for k in owners}
    for key in PAGES[view].keys:
        last.pop(key, None)
    last.update(now)
    for key, owners in BELONGS.items():
        if key not in now and any(last.get(k) != looked_at[k] for k in owners):
            last.pop(key, None)
    st.session_state["addresses"][view] = now


def bank() -> Bank | None:
    """The bank that the address names, else the first; None when the store has none."""
    banks = {bank.name: bank for bank in build.banks(db.cursor())}
    name = param("b")
    if name is not None and banks and name not in banks:
        others = ", ".join(plain(b) for b in banks)
        st.warning(
            f"This store has no bank called “{plain(short(name))}”. It has: {others}. "
            f"The first is shown."
        )
    return banks.get(name or "") or next(iter(banks.values()), None)


def no_bank(*, so: str = ": its recipe names none") -> NoReturn:
    """Say that there is no concept bank, and where to go; the page ends here."""
    unknown(
        "concept bank",
        param("b"),
        exists=f"This store holds no concept bank{so}.",
        onward=[("What it does hold", "overview", {})],
    )
    st.stop()


def unknown(
    what: str, given: str | None, *, exists: str, onward: Sequence[tuple[str, str, dict[str, Any]]]
) -> None:
    """Say that `given` is not here, what is, and where to go (label, view, params)."""
    with st.container(border=True):
        st.subheader(f"No such {what}", anchor=False)
        if given:
            st.write(f"The address asks for {what} “{plain(short(given, 80))}”.")
        st.write(exists)
        with st.container(horizontal=True):
            for label, view, params in onward:
                link(label, view, icon=":material/arrow_forward:", **params)
