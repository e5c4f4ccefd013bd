"""What every answer tells the browser not to do: guess kinds of files, tell others where a link
came from, and show the app in a frame of a page that was not named."""

from __future__ import annotations

import re
from collections.abc import MutableMapping

from app.password import Message, Receive, Scope, Send, Served

VARIABLE = "LUCIDARIUM_FRAMES"
"""of the environment: what --frames says where it is not given"""
_ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?", re.IGNORECASE | re.ASCII)


def read_frames(given: str, environment: MutableMapping[str, str]) -> tuple[str, ...]:
    """Origins that may show the app in a frame, separated by spaces or commas.

    Raises ValueError for what is no origin.
    """
    words = (given or environment.get(VARIABLE, "")).replace(",", " ").split()
    for word in words:
        if not _ORIGIN.fullmatch(word):
            raise ValueError(
                f"{word!r} is no origin that may show the app in a frame; give one such as "
                "https://example.org, without a path"
            )
    return tuple(words)


class SafeHeaders:
    """Adds the headers to every answer of `app`; an ASGI middleware."""

    def __init__(self, app: Served, frames: tuple[str, ...] = ()) -> None:
        self._app = app
        policy = " ".join(("frame-ancestors", "'self'", *frames))
        self._headers = {
            b"x-content-type-options": b"nosniff",
            b"referrer-policy": b"same-origin",
            b"content-security-policy": policy.encode("ascii", "strict"),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sends(message: Message) -> None:
            if message["type"] == "http.response.start":
                held = list(message.get("headers", []))
                names = {name.lower() for name, _ in held}
                # of several policies a browser follows all
                names.discard(b"content-security-policy")
                held += [(k, v) for k, v in self._headers.items() if k not in names]
                message = {**message, "headers": held}
            await send(message)

        await self._app(scope, receive, sends if scope["type"] == "http" else send)
