"""Names that look like Markdown or formulas stay what they are, on a page and in a saved table."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.browser.serving import serve

NAME = ":material/bolt: :streamlit: http://evil.test www.evil.test me@evil.test ![e](//evil.test/p)"
FORMULA = "=HYPERLINK(A1)"


@pytest.fixture(scope="module")
def hostile(demo_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("hostile")
    path = Path(shutil.copy(demo_store, folder / "hostile.duckdb"))
    with duckdb.connect(str(path)) as con:
        con.execute("UPDATE head SET about = $name", {"name": NAME})
        con.execute("UPDATE bank SET name = $f || bank_id", {"f": FORMULA})
    with serve(path, log=folder / "log.txt") as url:
        yield url


def test_names_are_shown_letter_by_letter_and_no_formula_is_saved(
    hostile: str, browser: Any
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    page = context.new_page()
    page.add_init_script("delete window.showSaveFilePicker")  # a dialog that no test can answer
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(hostile)
    page.get_by_text("me@").first.wait_for(timeout=60_000)
    shown = page.get_by_text("me@").first

    assert NAME in shown.inner_text().replace("\u200b", "")
    assert shown.locator("a, img, [data-testid=stIconMaterial]").count() == 0
    assert page.locator("[href*='evil.test'], [src*='evil.test']").count() == 0
    assert [url for url in asked if not url.startswith((hostile, "data:", "blob:"))] == []

    table = page.get_by_test_id("stDataFrame").nth(1)
    table.hover()
    with page.expect_download() as download:
        table.locator("..").get_by_label("Download as CSV").click()
    rows = list(csv.reader(download.value.path().read_text("utf-8-sig").splitlines()))
    context.close()
    assert any(FORMULA in cell for row in rows for cell in row)
    assert [cell for row in rows for cell in row if cell.startswith("=")] == []
