"""The door to the store: which files there are, which one is open, and cursors on it."""

from __future__ import annotations

import argparse
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import duckdb
import streamlit as st

from app.timeout import TIMEOUT
from data import store
from data.structure import check_structure

P = ParamSpec("P")
R = TypeVar("R")
STORE = "store_file"
"""keyword under which a cached answer is filed by its store"""


def _asked() -> list[Path]:
    """What `python -m app PATH ...` names, which the script gets as `--db PATH`."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--db", action="append", default=[])
    try:
        known, _ = parser.parse_known_args(sys.argv[1:])
    except argparse.ArgumentError:  # `--db` at the end, without a path
        return []
    return [Path(p).expanduser() for p in known.db if p]


def folders() -> list[Path]:
    """The folders of stores that are looked at."""
    asked = _asked()
    return [p for p in asked if p.is_dir()] if asked else [store.ARTIFACTS]


def available() -> list[Path]:
    """The stores to choose from: those named, and the finished ones of each folder named."""
    asked = _asked() or [store.ARTIFACTS]
    found = [q for p in asked for q in (store.stores(p) if p.is_dir() else [p])]
    return [p for p in dict.fromkeys(found) if p != store.ARTIFACTS]


def unfinished() -> list[Path]:
    """Builds that are going on, or stopped, in the folders looked at."""
    return [p for folder in folders() for p in store.unfinished(folder)]


def store_path(stem: str | None = None) -> Path:
    """The store called `stem`, else the one that the address names, else the first of `available`.

    Raises StoreError when there is none, or none of that name.
    """
    paths = available()
    if not paths:
        raise store.StoreError("there is no store yet; build one with `python -m precompute demo`")
    wanted = stem or st.query_params.get("s")
    if not wanted:
        return paths[0]
    for path in paths:
        if path.stem == wanted:
            return path
    raise store.StoreError(
        f"there is no store called {wanted[:80]!r} here; choose one of those listed"
    )


class StoreFile(NamedTuple):
    """A store as it lies on the disk: what an answer from it depends on."""

    path: str
    modified: int
    """nanoseconds since 1970"""
    size: int
    """bytes"""


@st.cache_resource(max_entries=8, show_spinner=False, on_release=lambda con: con.close())
def _open(file: StoreFile) -> duckdb.DuckDBPyConnection:
    con = store.open_readonly(Path(file.path))
    try:
        check_structure(TIMEOUT.limit(con.cursor()), Path(file.path).name)
    except Exception:
        con.close()
        raise
    return con


def cursor(stem: str | None = None) -> duckdb.DuckDBPyConnection:
    """A fresh cursor: the connection is shared between sessions, cursors never are.

    `stem` names another store than the address does.
    """
    path = store_path(stem)
    if not path.is_file():
        return store.open_readonly(path)  # raises, and says why
    return TIMEOUT.limit(_open(key(stem)).cursor())


def key(stem: str | None = None) -> StoreFile:
    """What tells a store from every other, and from what lay at its place before."""
    path = store_path(stem)
    facts = path.stat()
    return StoreFile(str(path), facts.st_mtime_ns, facts.st_size)


def cached(
    *, max_entries: int, spinner: bool | str = False, shared: bool = False
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Keep a function's answers, each for the store that the address names and the arguments.

    Every caller gets a copy of its own; with `shared` all get the one object, which must not be
    changed. The arguments must be such as st.cache_data can hash, and the function must depend on
    nothing else but the store.
    """
    keep = st.cache_resource if shared else st.cache_data

    def keeping(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def of_store(*args: Any, **kwargs: Any) -> R:
            kwargs.pop(STORE)
            return function(*args, **kwargs)

        kept = keep(max_entries=max_entries, show_spinner=spinner)(of_store)

        @functools.wraps(function)
        def answer(*args: P.args, **kwargs: P.kwargs) -> R:
            return kept(*args, **kwargs, **{STORE: key()})

        return answer

    return keeping
