"""What a person does on the Image and Intervene pages, done in a browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.visiting import CHECK, Facts, agreed, drag, shown


def test_dragging_moves_the_prediction_before_the_pointer_is_released(
    visit: Callable[..., Any], facts: Facts
) -> None:
    page = visit("intervene", i=facts.image, h=facts.head, e=f"{facts.concept}:{facts.hi:.4g}")
    agreed(page)
    before, sent = shown(page), []
    page.on("websocket", lambda _: sent.append("socket"))
    # pictures further down may still be arriving; nothing else may be asked for
    page.on("request", lambda r: None if "/media/" in r.url else sent.append(r.url))
    address = page.url
    drag(page, facts.concept, to=0.02, release=False)
    assert shown(page) != before
    assert page.locator(".cx-root").get_attribute("data-agrees") == "waiting"
    page.wait_for_timeout(400)
    assert sent == []
    assert page.url == address
    assert float(page.locator(".cx-root").get_attribute("data-frame")) < 16
    moved = shown(page)
    page.mouse.up()
    agreed(page)
    assert shown(page) == moved  # the answer moves nothing
    assert "Python agrees" in page.locator(CHECK).inner_text()
    page.wait_for_url(lambda url: url != address)


def test_a_link_with_edits_shows_them_in_a_fresh_tab(
    visit: Callable[..., Any], facts: Facts
) -> None:
    plain = visit("intervene", i=facts.image, h=facts.head)
    agreed(plain)
    value = round((facts.lo + 3 * facts.hi) / 4, 3)
    page = visit("intervene", i=facts.image, h=facts.head, e=f"{facts.concept}:{value}")
    agreed(page)
    row = page.locator(f"[data-row='{facts.concept}']")
    assert "edited" in row.get_attribute("class")
    assert float(row.locator("input[type=range]").input_value()) == pytest.approx(value)
    assert "1 edit" in page.locator(".cx-history").inner_text()
    page.locator("[data-role=reset]").click()
    agreed(page)
    assert shown(page) == shown(plain)


def test_undo_and_redo_walk_back_and_forth(visit: Callable[..., Any], facts: Facts) -> None:
    page = visit("intervene", i=facts.image, h=facts.head, e=f"{facts.concept}:{facts.hi:.4g}")
    agreed(page)
    first = shown(page)
    drag(page, facts.concept, to=0.02)
    agreed(page)
    second = shown(page)
    page.locator("[data-role=undo]").click()
    agreed(page)
    assert shown(page) == first
    page.keyboard.press("U")
    agreed(page)
    assert shown(page) == second


def test_the_same_edit_is_checked_again_after_another_image(
    visit: Callable[..., Any], facts: Facts
) -> None:
    page = visit("intervene", i=facts.image, h=facts.head)
    for turn in range(2):
        agreed(page)
        number = page.locator("[data-row] input[type=number]").first
        number.fill("0.123")
        number.press("Enter")
        agreed(page)
        assert "0.123" in page.url
        if turn == 0:
            for name, image in (("Previous", facts.image - 1), ("Next", facts.image)):
                page.get_by_role("button", name=name, exact=True).click()
                page.wait_for_selector(f".cx-root[data-ready*='/{image}/']")


def test_keys_set_present_absent_and_auto(visit: Callable[..., Any], facts: Facts) -> None:
    page = visit("intervene", i=facts.image, h=facts.head)
    agreed(page)
    before = shown(page)
    row = page.locator("[data-row]:has(.cx-toggle:not([disabled]))").first
    toggle = row.locator(".cx-toggle")
    row.locator("input[type=range]").focus()
    page.keyboard.press("1")
    agreed(page)
    assert toggle.is_checked()
    page.keyboard.press("0")
    agreed(page)
    assert not toggle.is_checked()
    page.keyboard.press("R")
    agreed(page)
    assert shown(page) == before


def test_pointing_at_a_patch_names_its_concepts(visit: Callable[..., Any], facts: Facts) -> None:
    page = visit("image", i=facts.image, b=facts.bank)
    canvas = page.locator("canvas.cx-canvas")
    canvas.hover()
    tip = page.locator(".cx-tip")
    assert "row" in tip.inner_text()
    assert "active" in tip.inner_text()
    canvas.click()
    assert "1 patch" in page.locator(".cx-patch").inner_text()
    chips = page.locator(".cx-chip").all_inner_texts()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert page.locator(".cx-chip").all_inner_texts() != chips
    page.keyboard.press("Escape")
    assert page.locator(".cx-patch").inner_text() == ""


def test_a_link_to_a_concept_on_an_image_shows_its_map_and_the_exact_mean(
    visit: Callable[..., Any], facts: Facts
) -> None:
    page = visit("image", i=facts.image, b=facts.bank)
    row = page.locator("[data-concept]").nth(1)  # the first is shown already
    concept = row.get_attribute("data-concept")
    row.click()
    page.wait_for_url(f"**c={concept}*")
    again = visit("image", i=facts.image, b=facts.bank, c=concept)
    assert again.locator(f"[data-concept='{concept}']").get_attribute("aria-pressed") == "true"
    assert "✓ exact" in again.locator(".cx-facts").inner_text()
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)
    pixels = "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data.join()"
    drawn = [tab.locator("canvas.cx-canvas").evaluate(pixels) for tab in (page, again)]
    assert drawn[0] == drawn[1]
    again.get_by_role("button", name="None", exact=True).click()
    assert again.locator("canvas.cx-canvas").evaluate(pixels) != drawn[1]


def test_the_concept_page_opens_from_a_locked_map(visit: Callable[..., Any], facts: Facts) -> None:
    page = visit("image", i=facts.image, b=facts.bank)
    row = page.locator("[data-concept]").nth(1)  # the first is shown already
    concept = row.get_attribute("data-concept")
    row.click()
    page.locator("[data-role=open]").click()
    page.wait_for_url(f"**/concept?*c={concept}*")
