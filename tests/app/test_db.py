"""Answers are kept by store: two stores, or two that lay at one place, never share one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from jaxtyping import Int64

from app import db

CALLS: list[str] = []


@db.cached(max_entries=4)
def doubled(number: int, *, plus: int = 0) -> Int64[np.ndarray, " n"]:
    """Twice a number."""
    CALLS.append(db.key().path)
    return np.array([2 * number + plus])


@db.cached(max_entries=4, shared=True)
def numbers(n: int) -> list[int]:
    return list(range(n))


class Stores:
    """Stands for `db.key`: which store the address names."""

    def __init__(self) -> None:
        self.now = db.StoreFile("a.duckdb", 1, 10)

    def __call__(self) -> db.StoreFile:
        return self.now


@pytest.fixture
def stores(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stores]:
    st.cache_data.clear()
    st.cache_resource.clear()
    CALLS.clear()
    found = Stores()
    monkeypatch.setattr(db, "key", found)
    yield found
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.mark.parametrize(
    "other",
    [
        db.StoreFile("b.duckdb", 1, 10),
        db.StoreFile("a.duckdb", 2, 10),
        db.StoreFile("a.duckdb", 1, 11),
    ],
    ids=["another path", "written later", "another size"],
)
def test_stores_share_no_answer(stores: Stores, other: db.StoreFile) -> None:
    mine = stores.now
    shared = numbers(3)
    assert doubled(4)[0] == 8
    stores.now = other
    assert doubled(4)[0] == 8
    assert numbers(3) is not shared
    assert [mine.path, other.path] == CALLS
    stores.now = mine
    doubled(4)
    assert numbers(3) is shared
    assert len(CALLS) == 2  # the first store's answer is still kept


@pytest.mark.usefixtures("stores")
def test_arguments_tell_answers_apart() -> None:
    assert [doubled(1)[0], doubled(2)[0], doubled(1, plus=5)[0]] == [2, 4, 7]
    assert len(CALLS) == 3
    doubled(2)
    assert len(CALLS) == 3


@pytest.mark.usefixtures("stores")
def test_a_copy_is_handed_out_unless_shared() -> None:
    doubled(3)[0] = 99
    assert doubled(3)[0] == 6
    assert numbers(2) is numbers(2)


def test_a_cached_function_keeps_its_name_and_text() -> None:
    assert doubled.__name__ == "doubled"
    assert doubled.__doc__ == "Twice a number."


def test_a_store_is_opened_once_and_again_after_it_changed(
    tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy.duckdb"
    copy.write_bytes(tiny_store.read_bytes())
    monkeypatch.setattr(db, "store_path", lambda _: copy)
    opened: list[Path] = []
    really = db.store.open_readonly
    monkeypatch.setattr(db.store, "open_readonly", lambda p: opened.append(p) or really(p))
    first = db.key()
    for _ in range(2):
        assert db.cursor().execute("SELECT count(*) FROM build").fetchone() == (1,)
    assert opened == [copy]
    st.cache_resource.clear()  # closes it
    copy.touch()
    assert db.key() != first
    db.cursor()
    assert opened == [copy, copy]
    st.cache_resource.clear()
