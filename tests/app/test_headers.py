"""Every answer says who may show the app in a frame, and what a browser must not guess."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app import headers


def answered(
    frames: tuple[str, ...] = (), own: tuple[tuple[bytes, bytes], ...] = ()
) -> list[tuple[bytes, bytes]]:
    async def inner(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": list(own)})
        await send({"type": "http.response.body", "body": b"x"})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(headers.SafeHeaders(inner, frames)({"type": "http"}, None, send))  # type: ignore[arg-type]
    assert sent[1]["body"] == b"x"
    return sent[0]["headers"]


def test_no_page_of_others_shows_it_unless_named() -> None:
    assert dict(answered())[b"content-security-policy"] == b"frame-ancestors 'self'"
    named = dict(answered(("https://a.org", "http://b.org:81")))
    assert named[b"content-security-policy"] == (
        b"frame-ancestors 'self' https://a.org http://b.org:81"
    )
    assert named[b"x-content-type-options"] == b"nosniff"
    assert named[b"referrer-policy"] == b"same-origin"


def test_what_an_answer_says_itself_stays() -> None:
    own = (
        (b"content-security-policy", b"default-src 'none'"),
        (b"Referrer-Policy", b"no-referrer"),
    )
    found = answered(own=own)
    assert [value for name, value in found if name.lower() == b"referrer-policy"] == [
        b"no-referrer"
    ]
    policies = [value for name, value in found if name == b"content-security-policy"]
    assert policies == [b"default-src 'none'", b"frame-ancestors 'self'"]


def test_origins_are_read_and_anything_else_is_refused() -> None:
    named = {headers.VARIABLE: "https://a.org, https://b.org:8443"}
    assert headers.read_frames("", named) == ("https://a.org", "https://b.org:8443")
    assert headers.read_frames("http://localhost:81", named) == ("http://localhost:81",)
    assert headers.read_frames("", {}) == ()


@pytest.mark.parametrize(
    "word",
    [
        "a.org",
        "*",
        "'none'",
        "https://a.org/path",
        "https://a.org;x",
        "ftp://a.org",
        "https://",
        "https://a.org:x",
        "https://u@a.org",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_origin_is_said(word: str) -> None:
    with pytest.raises(ValueError, match="is no origin that may show the app in a frame"):
        headers.read_frames(word, {})
