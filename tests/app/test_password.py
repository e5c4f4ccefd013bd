"""The password is read from where it may stand, and guards every kind of request."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from app import password

SECRET = "correct horse"


async def _inner(scope: dict[str, Any], _receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
    elif scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a store's picture"})


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> password.PasswordRequired:
    monkeypatch.setattr(password, "PAUSE", 0)
    return password.PasswordRequired(_inner, SECRET)


def ask(
    guard: password.PasswordRequired,
    path: str = "/",
    *,
    method: str = "GET",
    kind: str = "http",
    body: bytes = b"",
    **headers: str,
) -> list[Any]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": b"b=nmf",
        "scheme": "http",
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }
    asyncio.run(guard(scope, receive, send))
    return sent


def header(sent: list[Any], name: bytes) -> str:
    return dict(sent[0]["headers"])[name].decode()


def cookie(guard: password.PasswordRequired) -> str:
    sent = ask(guard, method="POST", body=b"password=correct+horse")
    return header(sent, b"set-cookie").partition(";")[0]


@pytest.mark.parametrize("path", ["/", "/media/1.jpg", "/_stcore/host-config", "/concepts"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS"])
def test_nothing_is_served_before(guard: password.PasswordRequired, path: str, method: str) -> None:
    sent = ask(guard, path, method=method)

    assert sent[0]["status"] == 401
    assert b"picture" not in sent[1]["body"]


def test_the_connection_of_a_page_is_refused(guard: password.PasswordRequired) -> None:
    assert [m["type"] for m in ask(guard, kind="websocket")] == ["websocket.close"]


def test_only_health_answers(guard: password.PasswordRequired) -> None:
    assert ask(guard, password.HEALTH)[0]["status"] == 200
    assert ask(guard, f"/media{password.HEALTH}")[0]["status"] == 401


def test_whoever_gave_it_is_served(guard: password.PasswordRequired) -> None:
    held = cookie(guard)

    assert ask(guard, "/media/1.jpg", cookie=held)[0]["status"] == 200
    assert ask(guard, kind="websocket", cookie=held)[0]["type"] == "websocket.accept"


def test_it_is_in_no_answer(guard: password.PasswordRequired) -> None:
    for body in (b"password=correct+horse", b"password=wrong"):
        sent = ask(guard, method="POST", body=body)
        assert SECRET not in str(sent)
        assert "horse" not in str(sent)
    assert SECRET not in str(vars(guard))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"password=",
        b"password=correct horses",
        b"word=correct+horse",
        b"\xff\x00",
        b"a" * 9999,
    ],
)
def test_a_wrong_one_opens_nothing(guard: password.PasswordRequired, body: bytes) -> None:
    sent = ask(guard, method="POST", body=body)

    assert sent[0]["status"] == 401
    assert "set-cookie" not in str(sent)
    assert b"This is not the password." in sent[1]["body"]


@pytest.mark.parametrize("made_up", ["", "lucidarium=1", "=;=", "a" * 5000, 'x="\\', "\xff"])
def test_a_cookie_cannot_be_made_up(guard: password.PasswordRequired, made_up: str) -> None:
    name, _, word = cookie(guard).partition("=")

    for held in (made_up, f"{name}=", f"{name}={word[:-1]}", f"other={word}"):
        assert ask(guard, cookie=held)[0]["status"] == 401


def test_another_process_has_another_cookie(guard: password.PasswordRequired) -> None:
    assert ask(password.PasswordRequired(_inner, SECRET), cookie=cookie(guard))[0]["status"] == 401


def test_the_way_back_stays_on_the_page(guard: password.PasswordRequired) -> None:
    sent = ask(guard, "//elsewhere", method="POST", body=b"password=correct+horse")

    assert header(sent, b"location") == "?b=nmf"


def test_a_cookie_goes_over_https_alone_where_the_page_came_by_it(
    guard: password.PasswordRequired,
) -> None:
    right = {"method": "POST", "body": b"password=correct+horse"}

    assert "Secure" not in header(ask(guard, **right), b"set-cookie")
    found = header(ask(guard, **right, x_forwarded_proto="https"), b"set-cookie")
    assert "Secure" in found
    assert "HttpOnly" in found


def test_the_password_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{SECRET}\r\nnot this", encoding="utf-8")
    both = {password.VARIABLE: "from here", password.FILE_VARIABLE: str(file), "HOME": "/"}

    assert password.unasked(both) == password.VARIABLE
    assert password.read_password("", both) == SECRET
    assert both == {"HOME": "/"}
    assert password.unasked(both) is None
    assert password.read_password("", {}) is None
    assert password.read_password("", {password.VARIABLE: "from here"}) == "from here"


@pytest.mark.parametrize("text", ["", "short"])
def test_a_short_one_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "password"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ValueError, match=f"has {len(text)} characters; it needs 8"):
        password.read_password(str(file), {})
    with pytest.raises(ValueError, match="cannot be read"):
        password.read_password(str(tmp_path / "none"), {})
