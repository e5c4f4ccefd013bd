"""The door to the store: which files there are, which one is open, and cursors on it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import duckdb
import streamlit as st

from data import store


def _asked() -> list[Path]:
    """What `streamlit run app/main.py -- --db PATH ...` names; anything else there is ignored."""
    parser = argparse.ArgumentParser(add_help=False, exit_on_error=False, allow_abbrev=False)
    parser.add_argument("--db", action="append", default=[])
    try:
        known, _ = parser.parse_known_args(sys.argv[1:])
    except argparse.ArgumentError:  # `--db` at the end, without a path
        return []
    return [Path(p).expanduser() for p in known.db if p]


def _folders() -> list[Path]:
    asked = _asked()
    return [p for p in asked if p.is_dir()] if asked else [store.ARTIFACTS]


def available() -> list[Path]:
    """The stores to choose from: those named, and the finished ones of each folder named."""
    asked = _asked() or [store.ARTIFACTS]
    found = [q for p in asked for q in (store.stores(p) if p.is_dir() else [p])]
    return [p for p in dict.fromkeys(found) if p != store.ARTIFACTS]


def unfinished() -> list[Path]:
    """Builds that are going on, or stopped, in the folders looked at."""
    return [p for folder in _folders() for p in store.unfinished(folder)]


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


@st.cache_resource(max_entries=8, show_spinner=False, on_release=lambda con: con.close())
def _open(path: str, modified: int, size: int) -> duckdb.DuckDBPyConnection:  # noqa: ARG001
    return store.open_readonly(Path(path))


def cursor(stem: str | None = None) -> duckdb.DuckDBPyConnection:
    """A fresh cursor: the connection is shared between sessions, cursors never are.

    `stem` names another store than the address does.
    """
    path = store_path(stem)
    if not path.is_file():
        return store.open_readonly(path)  # raises, and says why
    facts = path.stat()
    return _open(str(path), facts.st_mtime_ns, facts.st_size).cursor()


def key(stem: str | None = None) -> tuple[str, int]:
    """What a cached answer depends on beside its ids."""
    path = store_path(stem)
    return str(path), path.stat().st_mtime_ns
