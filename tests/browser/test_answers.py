"""Intervene sends the head once, then answers: the right prediction must stand after every way of
coming and going."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.widgets import assets
from tests.browser.visiting import Facts, agreed, predicted


def stands(page: Any, facts: Facts, image: int, edits: dict[int, float]) -> None:
    """The page shows what the head says of this image with these edits, and Python agrees."""
    page.wait_for_selector(f".cx-root[data-ready*='/{image}/']", timeout=30_000)
    agreed(page)
    told = facts.probabilities(image, edits)
    found = predicted(page)
    assert found
    assert found == pytest.approx({c: told[c] for c in found}, abs=1.1e-3)


def edit(page: Any, concept: int, value: float) -> None:
    number = page.locator(f"[data-row='{concept}'] input[type=number]")
    number.fill(f"{value:.4g}")
    number.press("Enter")
    page.wait_for_url(f"**e={concept}*")
    agreed(page)


def go(page: Any, name: str, image: int) -> None:
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_selector(f".cx-root[data-ready*='/{image}/']", timeout=30_000)


@pytest.fixture
def values(facts: Facts) -> tuple[float, float]:
    """Two edits of the concept that tell apart what the head says."""
    return float(f"{facts.hi:.4g}"), float(f"{(facts.lo + facts.hi) / 2:.4g}")


@pytest.fixture
def page(visit: Callable[..., Any], facts: Facts, values: tuple[float, float]) -> Any:
    """Edited twice, so that Python has come to send only answers."""
    page = visit("intervene", i=facts.image, h=facts.head, e=f"{facts.concept}:{facts.lo:.4g}")
    agreed(page)
    for value in values:
        edit(page, facts.concept, value)
    return page


def test_reload(page: Any, facts: Facts, values: tuple[float, float]) -> None:
    page.reload()
    stands(page, facts, facts.image, {facts.concept: values[-1]})
    edit(page, facts.concept, values[0])
    stands(page, facts, facts.image, {facts.concept: values[0]})


def test_another_image_and_back(page: Any, facts: Facts) -> None:
    go(page, "Previous", facts.image - 1)
    stands(page, facts, facts.image - 1, {})
    go(page, "Next", facts.image)
    stands(page, facts, facts.image, {})
    concept = int(page.locator("[data-row]").first.get_attribute("data-row"))
    for value in (0.125, 0.25):
        edit(page, concept, value)
        stands(page, facts, facts.image, {concept: value})


def test_undo_to_the_first(page: Any, facts: Facts, values: tuple[float, float]) -> None:
    for value in (values[0], float(f"{facts.lo:.4g}")):
        page.locator("[data-role=undo]").click()
        stands(page, facts, facts.image, {facts.concept: value})


def test_another_page_and_back(page: Any, facts: Facts, values: tuple[float, float]) -> None:
    """The browser loses what it held; the session of Python does not."""
    page.get_by_role("link", name="Maps of this image").click()
    page.wait_for_url("**/image?*")
    page.wait_for_selector(".cx-root[data-ready]:has(.cx-canvas)")
    page.go_back()
    page.wait_for_url("**/intervene?*")
    stands(page, facts, facts.image, {facts.concept: values[-1]})
    edit(page, facts.concept, values[0])
    stands(page, facts, facts.image, {facts.concept: values[0]})


def test_the_address_in_a_fresh_session(
    page: Any, facts: Facts, values: tuple[float, float], visit: Callable[..., Any]
) -> None:
    again = visit("intervene", **_query(page.url))
    stands(again, facts, facts.image, {facts.concept: values[-1]})


def test_a_browser_that_lost_the_head_asks_for_it(page: Any, facts: Facts) -> None:
    root = page.locator(".cx-root").first
    # nor does it remember that Python agreed with what it showed before
    root.evaluate("root => { root.lab.data = null; delete root.dataset.agrees; }")
    address = page.url
    page.get_by_role("button", name="Apply").first.click()
    page.wait_for_url(lambda url: url != address)
    asked = dict(pair.split(":") for pair in _query(page.url)["e"].split(","))
    stands(page, facts, facts.image, {int(c): float(v) for c, v in asked.items()})


def test_an_answer_is_a_small_part_of_what_was_sent_first(
    page: Any, facts: Facts, values: tuple[float, float]
) -> None:
    heard: list[int] = []

    def listen(socket: Any) -> None:
        socket.on("framereceived", lambda frame: heard.append(_lab_bytes(frame)))

    page.on("websocket", listen)
    page.reload()
    agreed(page)
    edit(page, facts.concept, values[0])
    heard.clear()
    edit(page, facts.concept, values[1])
    small = max(heard)
    go(page, "Previous", facts.image - 1)
    agreed(page)
    assert 0 < small < max(heard) / 5


def _lab_bytes(frame: bytes | str) -> int:
    """Of what a frame brings the element, beside its script and style, which Streamlit sends with
    every frame; 0 where it brings nothing."""
    sent = frame if isinstance(frame, bytes) else frame.encode()
    always = assets.module("head_lab") + assets.style("controls", "head_lab")
    return len(sent) - len(always.encode()) if b'"reply"' in sent else 0


def _query(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query))
