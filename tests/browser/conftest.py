"""The app in a real browser, on a store that went through the real pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.browser.serving import CHROMIUM, chromium, serve


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser on a busy machine can be late; its tests are tried again, and that is reported."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.flaky(reruns=2))


@pytest.fixture(scope="session")
def demo_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo, rendered, trained and built as `make demo` does it, with a tenth of the images."""
    from core.recipe import parse
    from precompute import pipeline
    from precompute.__main__ import DEMO

    recipe = parse(DEMO.read_text(encoding="utf-8"))
    few = {"n_train": 300, "n_test": 80, "n_shifted": 80}
    recipe = replace(
        recipe,
        dataset=replace(recipe.dataset, options=few),
        saliency=replace(recipe.saliency, limit=12),
    )
    return pipeline.run(recipe, out=tmp_path_factory.mktemp("demo"))


@pytest.fixture(scope="session")
def app_url(demo_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(demo_store, log=tmp_path_factory.mktemp("app") / "log.txt") as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with chromium() as found:
        yield found
