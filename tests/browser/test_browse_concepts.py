"""Every page opens by link in a fresh tab, and concepts are browsed as a person would."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.pages import PAGES
from data.store import open_readonly

VIEWS = list(PAGES)
READY = "h1, h2"


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """A page in a context of its own; fails on an error of the page's scripts."""
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert errors == []


@pytest.mark.parametrize("view", VIEWS)
def test_page_opens_by_link_in_a_fresh_tab(view: str, app_url: str, tab: Any) -> None:
    tab.goto(f"{app_url}/{'' if view == 'overview' else view}")
    tab.wait_for_selector(READY, timeout=60_000)
    tab.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    assert tab.locator("[data-testid=stException]").count() == 0


@pytest.mark.parametrize("view", VIEWS)
def test_page_opens_on_a_vit(view: str, vit_url: str, tab: Any) -> None:
    test_page_opens_by_link_in_a_fresh_tab(view, vit_url, tab)


def test_nothing_is_left_undone_on_a_vit(vit_store: Path) -> None:
    """What the default layer, banks and heads cannot do would be a notice."""
    with open_readonly(vit_store) as con:
        banks = [name for (name,) in con.execute("SELECT method FROM bank").fetchall()]
        heads = con.execute("SELECT count(*) FROM head").fetchall()[0][0]
        assert banks == ["semi_nmf", "sae", "random", "cav"]
        assert heads == len(banks)
        assert con.execute("SELECT layer FROM backbone").fetchall() == [("vit.layers.2",)]
        for table in ("effect", "backbone_importance", "saliency", "depth"):
            assert con.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0] > 0
        assert con.execute("SELECT * FROM notice").fetchall() == []


@pytest.mark.parametrize("view", VIEWS)
def test_page_survives_ids_that_do_not_exist(view: str, app_url: str, tab: Any) -> None:
    path = "" if view == "overview" else view
    tab.goto(f"{app_url}/{path}?b=nobody&c=-7&i=99999999999999999999&h=<b>&e=x:y&y=none")
    tab.wait_for_selector(READY, timeout=60_000)
    tab.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    assert tab.locator("[data-testid=stException]").count() == 0


def test_from_the_gallery_to_a_concept_to_the_next_one(app_url: str, tab: Any) -> None:
    tab.goto(f"{app_url}/concepts")
    tab.get_by_text("Gallery", exact=True).click()
    card = tab.locator(".cx-card, .card").first
    card.wait_for(timeout=30_000)
    card.click()
    tab.wait_for_url(re.compile("/concept[?].*c="), timeout=30_000)
    tab.wait_for_selector(READY)
    tab.wait_for_selector("text=/1 . 35/", timeout=30_000)
    first = tab.url
    _press_until(tab, "j", lambda: tab.url != first)
    assert re.search(r"c=(\d+)", tab.url)
    tab.wait_for_selector("text=/[2-9] . 35/", timeout=30_000)


def _press_until(tab: Any, key: str, done: Callable[[], bool]) -> None:
    """A page that has just appeared may not listen yet: press again, as a person would."""
    for _ in range(10):
        tab.keyboard.press(key)
        for _ in range(15):
            if done():
                return
            tab.wait_for_timeout(200)
    pytest.fail(f"pressing {key} changes nothing on {tab.url}")
