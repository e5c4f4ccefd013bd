"""The browser's modules lie with the pages that show them, and know no other page's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.widgets import assets

_FROM = re.compile(r'from "([^"]+)"')
_SHARED = Path("widgets", "js")


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An app of one page with a module `one`, and a shared one, `two`."""
    for place, source in (
        (
            "views/a/js/one.js",
            'import { b } from "../../../widgets/js/two.js";\nexport const a = b;',
        ),
        ("widgets/js/two.js", "export const b = 1;"),
    ):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).write_text(source, encoding="utf-8")
    monkeypatch.setattr(assets, "APP", tmp_path)
    for cached in (assets.files, assets.module):
        cached.cache_clear()
    yield tmp_path
    for cached in (assets.files, assets.module):
        cached.cache_clear()


def strangers(app: Path) -> list[str]:
    """Imports that lead to no module, or into the folder of another page."""
    known = {*assets.files().values(), assets.PALETTE}
    out = []
    for path in sorted(app.rglob("js/*.js")):
        own = path.relative_to(app).parts[:2]  # views/a, or widgets/js
        for found in _FROM.findall(path.read_text(encoding="utf-8")):
            to = (path.parent / found).resolve().relative_to(app)
            allowed = to.parts[:2] == own or to.parent == _SHARED
            if to not in known or not allowed:
                out.append(f"{path.name} imports {found}")
    return out


def test_no_page_imports_another_pages_module() -> None:
    assert len(assets.files()) > 25
    assert strangers(assets.APP) == []


def test_an_import_of_another_pages_module_is_seen(app: Path) -> None:
    assert strangers(app) == []
    (app / "widgets/js/two.js").write_text('import { a } from "../../views/a/js/one.js";\n')
    (app / "views/a/js/one.js").write_text('import { a } from "./gone.js";\n')
    assert strangers(app) == [
        "one.js imports ./gone.js",
        "two.js imports ../../views/a/js/one.js",
    ]


@pytest.mark.usefixtures("app")
def test_modules_of_several_folders_are_joined() -> None:
    assert assets.module("one").split("\n") == ["export const b = 1;", "export const a = b;"]


def test_two_modules_of_one_name_are_refused(app: Path) -> None:
    (app / "widgets/js/one.js").write_text("export const a = 2;")
    with pytest.raises(ValueError, match=r"views/a/js/one\.js and app/widgets/js/one\.js"):
        assets.module("one")


def test_a_module_that_is_not_there_and_an_import_that_cannot_be_joined_are_told(
    app: Path,
) -> None:
    with pytest.raises(FileNotFoundError, match="holds three"):
        assets.module("three")
    (app / "widgets/js/two.js").write_text('import * as all from "far";\n')
    with pytest.raises(ValueError, match=r"two\.js: .* cannot be joined"):
        assets.module("one")
