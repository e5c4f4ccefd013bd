"""A store whose images carry several labels, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.pages import PAGES
from tests.browser.serving import serve
from tests.browser.visiting import NOW, Facts, agreed, drag


@pytest.fixture(scope="module")
def url(labels_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(labels_store, log=tmp_path_factory.mktemp("labels app") / "log.txt") as found:
        yield found


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    """Fails on an error of the page's scripts."""
    errors: list[str] = []
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    tab = context.new_page()
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    context.close()
    assert errors == []


@pytest.mark.parametrize("view", PAGES)
def test_every_page_opens_without_error(view: str, url: str, page: Any) -> None:
    page.goto(f"{url}/{'' if view == 'overview' else view}")
    page.wait_for_selector("h1, h2", timeout=60_000)
    page.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")
    assert page.locator("[data-testid=stException]").count() == 0


def test_moving_a_concept_moves_the_probabilities_of_labels(
    url: str, page: Any, labels_store: Path
) -> None:
    facts = Facts(labels_store)
    page.goto(f"{url}/intervene?h={facts.head}&i={facts.image}")
    page.wait_for_selector(".cx-root[data-ready]", timeout=60_000)
    before = page.locator(NOW).all_inner_texts()
    drag(page, facts.concept, to=0.95)
    agreed(page)
    after = page.locator(NOW).all_inner_texts()
    assert len(before) == len(after)
    assert before != after
