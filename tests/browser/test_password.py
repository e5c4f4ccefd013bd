"""Before the password is given, nothing of a store leaves the app, by whatever way it is asked."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.serving import serve

SECRET = "correct horse battery"


@pytest.fixture(scope="module")
def guarded(demo_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("guarded")
    file = folder / "password"
    file.write_text(SECRET + "\n", encoding="utf-8")
    with serve(demo_store, "--password-file", str(file), log=folder / "log.txt") as url:
        yield url
    assert SECRET not in (folder / "log.txt").read_text(encoding="utf-8")


def status(url: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()


def test_a_password_opens_the_page_that_was_asked_for(
    guarded: str, browser: Any, demo_store: Path
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{guarded}/intervene?p=2")
    assert demo_store.stem not in page.content()
    _give(page, "not the password")
    page.get_by_text("This is not the password.").wait_for()
    _give(page, SECRET)
    page.get_by_role("button", name="Download").click(timeout=60_000)
    with page.expect_download() as download:
        page.get_by_role("button", name="Report (HTML)").click()
    assert "/intervene?" in page.url
    assert SECRET not in page.content()

    picture = download.value.url
    asked = page.evaluate("url => fetch(url).then(r => r.text())", picture)
    code, body = status(picture)
    context.close()
    assert "/media/" in picture
    assert "data:image/jpeg" in asked
    assert code == 401
    assert b"data:image/jpeg" not in body


def _give(page: Any, word: str) -> None:
    page.get_by_label("Password").fill(word)
    page.get_by_label("Password").press("Enter")


def test_plain_http_gets_nothing(guarded: str, demo_store: Path) -> None:
    for path in ("", "concepts", "_stcore/host-config", "static/index.html", "media/1.jpg"):
        code, body = status(f"{guarded}/{path}")
        assert code == 401
        assert demo_store.stem.encode() not in body
    assert status(f"{guarded}/_stcore/health") == (200, b"ok")
    with pytest.raises(InvalidStatus, match="403"):
        connect(guarded.replace("http", "ws") + "/_stcore/stream", subprotocols=["streamlit"])
