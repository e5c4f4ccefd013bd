"""The app in a real browser, on a store that went through the real pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.browser.serving import CHROMIUM, chromium, serve
from tests.browser.visiting import Facts


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
def vit_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ViT on the birds, trained and built as its recipe says, with a tenth of the images."""
    from core.recipe import parse
    from precompute import pipeline
    from precompute.__main__ import DEMO

    recipe = parse(DEMO.with_name("aviary_vit.toml").read_text(encoding="utf-8"))
    few = {"n_train": 260, "n_test": 70, "n_shifted": 70}
    recipe = replace(
        recipe,
        dataset=replace(recipe.dataset, options=few),
        saliency=replace(recipe.saliency, limit=8),
    )
    return pipeline.run(recipe, out=tmp_path_factory.mktemp("vit"))


@pytest.fixture(scope="session")
def vit_url(vit_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(vit_store, log=tmp_path_factory.mktemp("vit app") / "log.txt") as url:
        yield url


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def facts(demo_store: Path) -> Facts:
    return Facts(demo_store)


@pytest.fixture
def visit(app_url: str, browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens an address in a tab that knows nothing; fails on an error of the page's scripts."""
    errors: list[str] = []
    tabs = []

    def visit_(view: str, **params: object) -> Any:
        context = browser.new_context(viewport={"width": 1440, "height": 1000})
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        query = "&".join(f"{key}={value}" for key, value in params.items())
        page.goto(f"{app_url}/{view}?{query}")
        page.wait_for_selector(".cx-root[data-ready]", timeout=60_000)
        tabs.append(context)
        return page

    yield visit_
    for context in tabs:
        context.close()
    assert errors == []
