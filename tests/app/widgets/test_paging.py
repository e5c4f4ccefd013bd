"""Pages of a list: the address counts them from 1, and what is no page is the nearest one."""

from __future__ import annotations

import pytest

from app.widgets import paging


@pytest.mark.parametrize(
    ("asked", "n", "page"),
    [
        *((None, 51, 0), (1, 51, 0), (2, 51, 1), (3, 51, 2), (9, 51, 2), (-4, 51, 0)),
        *((2, 25, 0), (2, 26, 1), (1, 0, 0), (7, 0, 0)),
    ],
)
def test_a_page_is_one_that_there_is(
    asked: int | None, n: int, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging.address, "int_param", {"p": asked}.get)
    assert paging.page(n, 25) == page


@pytest.mark.parametrize(("n", "turned"), [(25, []), (26, [(2, 2)]), (60, [(3, 2)])])
def test_pages_are_turned_where_there_are_several(
    n: int, turned: list[tuple[int, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []
    monkeypatch.setattr(paging.address, "int_param", {"p": 2}.get)
    monkeypatch.setattr(
        paging.st, "pagination", lambda pages, *, default, **_: shown.append((pages, default))
    )
    paging.turn(n, 25, key="list")
    assert shown == turned
