"""Editing a head for every image, and marking parts of one, done in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from data import store
from data.queries import build as ask
from data.queries import heads

GROUP = "habitat"


@pytest.fixture(scope="module")
def head(demo_store: Path) -> str:
    """A head with a group of concepts that is right on the training images for a wrong reason."""
    con = store.open_readonly(demo_store)
    try:
        known = ask.heads(con)
        for row in known.to_dict("records"):
            if (heads.concepts(con, int(row["head_id"]))["grouping"] == GROUP).any():
                return str(row["name"])
    finally:
        con.close()
    pytest.skip(f"the store has no head on concepts of the group {GROUP!r}")


@pytest.fixture
def visit(app_url: str, browser: Any) -> Iterator[Callable[..., Any]]:
    errors: list[str] = []
    tabs = []

    def visit_(**params: object) -> Any:
        context = browser.new_context(viewport={"width": 1440, "height": 1400})
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        query = "&".join(f"{key}={quote(str(value))}" for key, value in params.items())
        page.goto(f"{app_url}/intervene?{query}")
        agreed(page.locator(".cx-root").first)
        tabs.append(context)
        return page

    yield visit_
    for context in tabs:
        context.close()
    assert errors == []


def agreed(root: Any) -> None:
    root.locator("xpath=self::*[@data-agrees='true']").wait_for(timeout=60_000)


def points(page: Any, split: str) -> float:
    """How far the edit moves accuracy on a split."""
    box = page.locator("[data-testid=stMetric]", has_text=f"{split}: accuracy")
    box.wait_for(timeout=30_000)
    return float(box.locator("[data-testid=stMetricDelta]").inner_text().split()[-2])


def test_without_the_habitat_the_head_holds_where_the_habitat_is_wrong(
    visit: Callable[..., Any], head: str
) -> None:
    page = visit(h=head, t="global")
    box = page.get_by_role("combobox", name="Group")
    box.press("ArrowDown")
    page.keyboard.type(GROUP)
    page.locator("[role=listbox] [role=option]", has_text=GROUP).wait_for()
    page.keyboard.press("Enter")
    told = points(page, "shifted"), points(page, "test")
    assert told[0] > 2  # points of accuracy: the shortcut is gone
    assert told[1] < told[0]  # where it held, it had helped
    assert "&g=" not in page.url
    page.get_by_role("button", name="Add to the set").click()
    page.wait_for_url("**g=p*")
    link = parse_qs(urlsplit(page.url).query)
    again = visit(h=head, t="global", g=link["g"][0])
    assert (points(again, "shifted"), points(again, "test")) == told
    assert again.get_by_text("remove habitat").count() >= 4


def test_the_smallest_change_is_one_press_away_and_can_be_undone(
    visit: Callable[..., Any], head: str
) -> None:
    page = visit(h=head)
    root = page.locator(".cx-root").first
    page.get_by_role("button", name="Apply").first.click()
    root.locator("[data-role=flip]").wait_for(timeout=15_000)
    agreed(root)
    assert "&e=" in page.url
    root.locator("[data-role=undo]").click()
    agreed(root)
    assert root.locator("[data-role=flip]").count() == 0


def test_marking_a_part_moves_the_decision_and_python_agrees(
    visit: Callable[..., Any], head: str
) -> None:
    page = visit(h=head, t="spatial")
    root = page.locator(".cx-root").nth(1)
    agreed(root)
    before = root.locator("[data-role=now]").all_inner_texts()
    canvas = root.locator("canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    page.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 0.3 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.5 * box["width"], box["y"] + 0.6 * box["height"], steps=6)
    assert root.locator("[data-role=now]").all_inner_texts() != before
    assert root.get_attribute("data-agrees") == "waiting"
    page.mouse.up()
    page.wait_for_url("**r=k*")
    agreed(root)
    shown = root.locator("[data-role=now]").all_inner_texts()
    link = parse_qs(urlsplit(page.url).query)
    again = visit(h=head, t="spatial", r=link["r"][0], i=link["i"][0]).locator(".cx-root").nth(1)
    agreed(again)
    assert again.locator("[data-role=now]").all_inner_texts() == shown
    root.locator("[data-role=clear]").click()
    agreed(root)
    assert root.locator("[data-role=now]").all_inner_texts() == before
