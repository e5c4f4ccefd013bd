"""A password before anything is served: no page, no picture and no message until it was given.

It stands before the whole server, and not within a page, since pictures are fetched from an
address of their own, which asks no page for leave.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import html
import secrets
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Served = Callable[[Scope, Receive, Send], Awaitable[None]]

SHORTEST = 8
"""characters of a password, at least"""
VARIABLE, FILE_VARIABLE = "LUCIDARIUM_PASSWORD", "LUCIDARIUM_PASSWORD_FILE"
"""of the environment: the password, or the file that holds it"""
HEALTH = "/_stcore/health"
"""answers "ok" to whoever watches the server, and says nothing else"""
PAUSE = 1.0
"""seconds before a wrong password is answered"""
_LONGEST = 4096
"""bytes of a form that are read"""
_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>Lucidarium</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 18vh auto; max-width: 22rem;
        padding: 0 1rem }}
input, button {{ font: inherit; padding: .4rem .6rem; width: 100%; box-sizing: border-box;
        margin-top: .4rem }}
</style>
<h1>Lucidarium</h1>
<form method="post">
<label>Password<input type="password" name="password" autocomplete="current-password" required
 autofocus></label>
<button>Open</button>
<p role="alert">{told}</p>
</form>
</html>
"""


def read_password(file: str, environment: MutableMapping[str, str]) -> str | None:
    """The first line of `file`, else the one of the environment; None: none is asked for.

    Takes both variables out of the environment, so that nothing that runs later finds them.
    Raises ValueError for a file that cannot be read and for a password that is too short.
    """
    password = environment.pop(VARIABLE, None)
    file = file or environment.pop(FILE_VARIABLE, "")
    environment.pop(FILE_VARIABLE, None)
    if file:
        try:
            password = Path(file).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"the password file {file} cannot be read: {error}") from error
        password = password.partition("\n")[0].rstrip("\r")
    if password is not None and len(password) < SHORTEST:
        where = f"file {file}" if file else f"variable {VARIABLE}"
        raise ValueError(
            f"the password in {where} has {len(password)} characters; it needs {SHORTEST} or more"
        )
    return password


def unasked(environment: Mapping[str, str]) -> str | None:
    """The variable that asks for a password where nothing asks for it; None: there is none.

    `python -m app` takes the variables out of the environment; `streamlit run` leaves them.
    """
    return next((name for name in (VARIABLE, FILE_VARIABLE) if environment.get(name)), None)


class PasswordRequired:
    """Answers in the place of `app` until the password was given; an ASGI middleware.

    Whoever gave it holds a cookie with a random word, which this process alone knows; the password
    itself is kept as a digest.
    """

    def __init__(self, app: Served, password: str) -> None:
        self._app = app
        self._digest = _digest(password)
        self._cookie = f"lucidarium-{secrets.token_hex(4)}"
        self._word = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        served = scope["type"] == "lifespan" or scope.get("path") == HEALTH
        if served or self._knows(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] == "POST":
            await self._judge(scope, receive, send)
        else:
            await _answer(send, 401, "")

    def _knows(self, scope: Scope) -> bool:
        for cookie in _headers(scope, b"cookie"):
            try:
                held = SimpleCookie(cookie).get(self._cookie)
            except CookieError:
                continue
            if held and hmac.compare_digest(held.value.encode(), self._word.encode()):
                return True
        return False

    async def _judge(self, scope: Scope, receive: Receive, send: Send) -> None:
        given = parse_qs((await _body(receive)).decode("utf-8", "replace")).get("password", [""])
        if not hmac.compare_digest(_digest(given[0]), self._digest):
            await asyncio.sleep(PAUSE)
            await _answer(send, 401, "This is not the password.")
            return
        secure = scope.get("scheme") == "https" or "https" in _headers(scope, b"x-forwarded-proto")
        # a page that shows the app in a frame has another site, whose cookies are set apart
        site = "SameSite=None; Secure; Partitioned" if secure else "SameSite=Lax"
        cookie = f"{self._cookie}={self._word}; Path=/; HttpOnly; {site}"
        # relative, so that it leads nowhere else whatever the path says
        back = b"?" + scope.get("query_string", b"")
        await _answer(send, 303, "", (b"location", back), (b"set-cookie", cookie.encode()))


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode("utf-8", "surrogatepass")).digest()


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


async def _body(receive: Receive) -> bytes:
    """What was sent, as far as a password needs."""
    body, more = b"", True
    while more and len(body) <= _LONGEST:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body[:_LONGEST]


async def _answer(send: Send, status: int, told: str, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"no-referrer"),
        (
            b"content-security-policy",
            b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
        ),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    body = b"" if status == 303 else _PAGE.format(told=html.escape(told)).encode()
    await send({"type": "http.response.body", "body": body})
