"""The frame around every page: which store is open, where to go, what it was built from."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:  # streamlit puts app/ there instead
    sys.path.insert(0, ROOT)

import duckdb
import streamlit as st

from app import address, building, db, login, password
from app.format import plain, short
from app.pages import PAGES
from app.timeout import TIMEOUT
from core.counted import counted
from data.queries import build
from data.store import StoreError

st.set_page_config(
    page_title="Lucidarium",
    page_icon=Path(__file__).with_name("icon.svg"),
    layout="wide",
    initial_sidebar_state=228,  # px
)


def pick_store() -> None:
    """In the sidebar, where there are several; unfinished builds are named, not offered."""
    stems = [p.stem for p in db.available()]
    if len(stems) > 1:
        chosen = address.param("s")
        address.follow("store", chosen if chosen in stems else None if chosen else stems[0])
        st.selectbox(
            "Store",
            stems,
            index=None,
            key="store",
            on_change=address.write,
            args=("s", "store", *(k for k in address.KEYS if k != "s")),
            placeholder="Choose a store",
            help="A store is one finished build.",
        )
    going_on = building.told_in_menu()
    for path in db.unfinished():
        name = path.name.partition(".duckdb")[0]
        if name.rpartition("-")[0] in going_on:
            continue
        st.caption(f":material/hourglass_empty: {plain(short(name, 40))} is not finished")


def provenance() -> None:
    """What the open store was built from, in a few words."""
    facts = build.build(db.cursor())
    st.caption(
        f"**{plain(short(facts.dataset, 40))}** · {counted(facts.n_images, 'image')}  \n"
        f"{plain(short(facts.backbone, 40))} · {plain(facts.layer)}  \n"
        f"grid {facts.grid_h} x {facts.grid_w} · build `{facts.fingerprint[:10]}`"
    )


def stopped() -> None:
    """A question to the store took too long."""
    st.warning(
        f"A question to this store took longer than {TIMEOUT.seconds:.0f} s and was stopped. Load "
        "the page again; if it happens once more, `python -m precompute doctor` says whether the "
        "store is sound.",
        icon=":material/timer_off:",
    )


def sorry(error: StoreError) -> None:
    """The store cannot be opened: why, and what else there is."""
    st.title("No store is open", anchor=False)
    st.warning(plain(str(error)), icon=":material/database_off:")
    others = [p.stem for p in db.available() if p.is_file()]
    if others:
        st.write("Stores that are here:")
        for stem in others:
            address.link(plain(stem), "overview", icon=":material/database:", s=stem)
        return
    st.write("Build the demonstration store; it needs no network and no GPU:")
    st.code("python -m precompute demo", language="bash")
    st.write("Or name one:")
    st.code("python -m app PATH", language="bash")


asked = password.unasked(os.environ) or login.unasked(os.environ)
if asked:
    what = "an account" if asked == login.FILE_VARIABLE else "a password"
    st.error(
        f"The variable {asked} asks for {what}, and `streamlit run` does not ask for it. "
        "Start the app with `python -m app`."
    )
    st.stop()
login.admit()

FIRST = next(iter(PAGES))
page = st.navigation(
    [
        st.Page(
            f"views/{name}/page.py",
            title=facts.title,
            icon=f":material/{facts.icon}:",
            url_path=name,
            default=name == FIRST,
        )
        for name, facts in PAGES.items()
    ]
)
with st.sidebar:
    pick_store()
awaited = building.awaited()
if awaited:
    building.show(awaited)
    st.stop()
try:
    db.cursor()
    with st.sidebar:
        provenance()
    address.resume(page.url_path or FIRST)
    page.run()
except StoreError as error:
    sorry(error)
except duckdb.InterruptException:
    stopped()
