"""On a narrow window every button and link is whole: its words are not cut, nor is it."""

from __future__ import annotations

from typing import Any

import pytest

from app.pages import PAGES
from tests.browser.visiting import Facts

CUT = """() => {
  const out = [];
  for (const b of document.querySelectorAll('button, a, [role=tab], [role=button]')) {
    const box = b.getBoundingClientRect();
    if (box.width < 3 || !box.height || !b.innerText.trim()) continue;
    if (getComputedStyle(b).visibility === 'hidden') continue;
    const inner = [b, ...b.querySelectorAll('*')];
    // what is meant to be shortened says so: the whole is in its title
    const cut = inner.find(e => getComputedStyle(e).overflowX !== 'visible' && !e.title
      && !e.closest('.cx-root') && e.clientWidth > 1 && e.scrollWidth > e.clientWidth + 1);
    if (cut) out.push(`${b.innerText}: ${cut.scrollWidth} of ${cut.clientWidth} pixels`);
    let [from, to] = [0, window.innerWidth];
    for (let a = b.parentElement; a; a = a.parentElement) {
      const flow = getComputedStyle(a).overflowX;
      if (flow === 'auto' || flow === 'scroll') break;  // one can move there
      if (flow === 'visible') continue;
      const edge = a.getBoundingClientRect();
      [from, to] = [Math.max(from, edge.left), Math.min(to, edge.right)];
    }
    if (box.right > to + 1 || box.left < from - 1) out.push(`${b.innerText}: beyond the edge`);
  }
  return out;
}"""


@pytest.mark.parametrize("view", PAGES)
def test_no_button_is_cut_at_1024_pixels(
    view: str, app_url: str, browser: Any, facts: Facts
) -> None:
    asked = {
        "intervene": f"h={facts.head}&i={facts.image}",
        "image": f"i={facts.image}",
        "concept": f"c={facts.concept}",
    }
    context = browser.new_context(viewport={"width": 1024, "height": 900})
    try:
        page = context.new_page()
        page.goto(f"{app_url}/{view}?{asked.get(view, '')}")
        page.wait_for_selector("[data-testid=stMainBlockContainer] h1, .cx-root", timeout=60_000)
        page.wait_for_selector(
            "[data-testid=stApp][data-test-script-state=notRunning]", timeout=60_000
        )
        page.wait_for_timeout(500)  # until the browser has drawn what came last
        assert page.locator("button").count() > 1
        assert page.evaluate(CUT) == []
    finally:
        context.close()
