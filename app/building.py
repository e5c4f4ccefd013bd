"""A build that is going on, shown until its store can be: what is done, what is left, and why it
ended where it did."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from app import address, db
from app.format import number, plain, seconds, short
from data import progress
from data.progress import Status

EVERY = 1.0
"""seconds between two looks at how far a build is"""
_AWAITED = "awaited_build"
"""in the session: folder and name of the build that this tab waits for"""
_ROW = 6
"""pictures in a row"""


class Build(NamedTuple):
    folder: Path
    status: Status


def builds() -> list[Build]:
    """Of the folders looked at, the latest first."""
    found = [Build(out, status) for out in db.folders() for status in progress.statuses(out)]
    return sorted(found, key=lambda build: -build.status.started)


def awaited() -> Build | None:
    """The build that this tab shows instead of a store: one that was going on when the tab was
    opened without naming a store, or that ended without one where there is no other."""
    if _AWAITED not in st.session_state:
        chosen = None if address.param("s") else _begin()
        st.session_state[_AWAITED] = (str(chosen.folder), chosen.status.name) if chosen else None
    wanted = st.session_state[_AWAITED]
    if not wanted:
        return None
    return next((b for b in builds() if (str(b.folder), b.status.name) == wanted), None)


def _begin() -> Build | None:
    empty = not db.available()
    for build in builds():
        if build.status.state == "running" or (empty and build.status.state != "done"):
            return build
    return None


def show(build: Build) -> None:
    """The page of a build; it turns into the store's when that is published."""
    st.title(f"Building {plain(short(build.status.name, 60))}", anchor=False)
    _live(build.folder, build.status.name)


@st.fragment(run_every=EVERY)
def _live(folder: Path, name: str) -> None:
    status = next((s for s in progress.statuses(folder) if s.name == name), None)
    if status is None or status.state == "done":
        st.session_state[_AWAITED] = None
        if status:
            address.set_params(s=Path(status.store).stem)
        st.rerun()
    if status.state != "running":
        _ended(status)
    else:
        st.progress(min(status.share, 1.0), text=_times(status))
    left, right = st.columns([2, 3], gap="large")
    with left.container(gap="xxsmall"):
        _parts(status)
    with right:
        _pictures(progress.pictures(folder, status))


def _times(status: Status) -> str:
    took = f"{seconds(round(status.updated - status.started))} so far"
    left = status.seconds_left
    return took if left is None else f"{took} · about {_roughly(left)} left"


def _roughly(left: float) -> str:
    """An estimate is not told to the second."""
    if left > 90:
        return f"{round(left / 60)} min"
    return seconds(max(5, 5 * round(left / 5)))


def _ended(status: Status) -> None:
    how = "failed" if status.state == "failed" else "was stopped"
    st.error(
        f"The build {how}, so there is no store: {plain(status.error)}", icon=":material/error:"
    )
    st.caption(
        "What was finished is kept: the command that began the build goes on from there. This page "
        "follows it."
    )


def _parts(status: Status) -> None:
    """What is finished, what is being done, and what is to come."""
    for name in status.parts:
        title = plain(short(name, 40))
        if name in status.seconds:
            st.markdown(f":material/check: {title} :gray[{seconds(status.seconds[name])}]")
        elif name != status.part:
            st.markdown(f":gray[:material/circle: {title}]")
        else:
            st.markdown(f":material/hourglass_top: **{title}**")
            st.caption(_step(status))
    if not status.parts:
        st.markdown(":material/hourglass_top: **starting**")
        st.caption("The libraries are being loaded.")


def _step(status: Status) -> str:
    told = [plain(short(status.step.strip(), 40))]
    if status.total and status.done:
        told.append(f"{status.done:,} of {status.total:,} {plain(status.unit)}")
    elif status.total:
        told.append(f"{status.total:,} {plain(status.unit)}")
    if status.rate and status.done < status.total:
        told.append(f"{number(float(f'{status.rate:.2g}'))} {plain(status.unit)}/s")
    if status.note:
        told.append(plain(short(status.note, 60)))
    return " · ".join(part for part in told if part)


def _pictures(shown: list[bytes]) -> None:
    if not shown:
        st.caption("The first pictures appear here.")
        return
    st.caption("The first pictures")
    for start in range(0, len(shown), _ROW):
        columns = st.columns(_ROW)
        for column, picture in zip(columns, shown[start : start + _ROW], strict=False):
            column.image(picture, width="stretch")


def told_in_menu() -> set[str]:
    """Says in the sidebar which builds are going on; returns their names."""
    going_on = [b.status for b in builds() if b.status.state == "running"]
    for status in going_on:
        name = plain(short(status.name, 40))
        st.caption(f":material/hourglass_top: {name} is being built, {round(100 * status.share)} %")
    return {status.name for status in going_on}
