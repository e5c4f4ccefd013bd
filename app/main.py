"""The frame around every page: which store is open, where to go, what it was built from.

streamlit run app/main.py -- --db PATH
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = str(Path(__file__).resolve().parents[1])
if ROOT not in sys.path:  # streamlit puts app/ there instead
    sys.path.insert(0, ROOT)

import streamlit as st

from app import db, state
from app.components.format import plain, short
from data.queries import build as ask
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
        chosen = state.param("s")
        state.follow("store", chosen if chosen in stems else None if chosen else stems[0])
        st.selectbox(
            "Store",
            stems,
            index=None,
            key="store",
            on_change=state.write,
            args=("s", "store", *(k for k in state.KEYS if k != "s")),
            placeholder="Choose a store",
            help="A store is one finished build.",
        )
    for path in db.unfinished():
        name = path.name.partition(".duckdb")[0]
        st.caption(f":material/hourglass_empty: {plain(short(name, 40))} is not finished")


def provenance() -> None:
    """What the open store was built from, in a few words."""
    build = ask.build(db.cursor())
    st.caption(
        f"**{plain(short(build['dataset'], 40))}** · {build['n_images']:,} images  \n"
        f"{plain(short(build['backbone'], 40))} · {plain(build['layer'])}  \n"
        f"grid {build['grid_h']} x {build['grid_w']} · build `{build['fingerprint'][:10]}`"
    )


def sorry(error: StoreError) -> None:
    """The store cannot be opened: why, and what else there is."""
    st.title("No store is open", anchor=False)
    st.warning(plain(str(error)), icon=":material/database_off:")
    others = [p.stem for p in db.available() if p.is_file()]
    if others:
        st.write("Stores that are here:")
        for stem in others:
            state.link(plain(stem), "overview", icon=":material/database:", s=stem)
        return
    st.write("Build the demonstration store; it needs no network and no GPU:")
    st.code("python -m precompute demo", language="bash")
    st.write("Or name one:")
    st.code("streamlit run app/main.py -- --db PATH", language="bash")


page = st.navigation(
    [
        st.Page(
            "views/overview.py",
            title="Overview",
            icon=":material/home:",
            url_path="overview",
            default=True,
        ),
        st.Page(
            "views/concepts.py", title="Concepts", icon=":material/grid_view:", url_path="concepts"
        ),
        st.Page(
            "views/concept.py",
            title="Concept",
            icon=":material/center_focus_strong:",
            url_path="concept",
        ),
        st.Page("views/image.py", title="Image", icon=":material/image_search:", url_path="image"),
        st.Page(
            "views/classes.py",
            title="Classes",
            icon=":material/category:",
            url_path="classes",
        ),
        st.Page(
            "views/differences.py",
            title="Differences",
            icon=":material/compare_arrows:",
            url_path="differences",
        ),
        st.Page(
            "views/intervene.py", title="Intervene", icon=":material/tune:", url_path="intervene"
        ),
        st.Page(
            "views/leaderboard.py",
            title="Leaderboard",
            icon=":material/leaderboard:",
            url_path="leaderboard",
        ),
        st.Page(
            "views/metrics.py", title="Metrics", icon=":material/straighten:", url_path="metrics"
        ),
        st.Page("views/depth.py", title="Depth", icon=":material/layers:", url_path="depth"),
        st.Page(
            "views/compare.py", title="Compare", icon=":material/join_inner:", url_path="compare"
        ),
    ]
)
with st.sidebar:
    pick_store()
try:
    db.cursor()
    with st.sidebar:
        provenance()
    state.resume(page.url_path or "overview")
    page.run()
except StoreError as error:
    sorry(error)
