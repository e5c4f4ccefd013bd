"""python -m app: the app on stores, from any folder, for this computer alone unless told otherwise.

`python PATH/app` does the same where the folder that holds `app` is not the working directory.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
if str(HERE.parent) not in sys.path:  # python puts app/ there instead
    sys.path.insert(0, str(HERE.parent))

import streamlit as st
from starlette.middleware import Middleware
from streamlit import cli_util, config

from app import headers, login, password

ADDRESS, PORT = "LUCIDARIUM_ADDRESS", "LUCIDARIUM_PORT"
"""of the environment: what the flags say where they are not given"""
LOCAL = {"localhost", "127.0.0.1", "::1"}
_FIRST_PORT = 8501


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m app", description="Open stores in the browser.")
    add = found.add_argument
    add(
        "store",
        nargs="*",
        default=[],
        help="stores, or folders of stores; without any: data/artifacts",
    )
    add(
        "--port",
        help=f"port to answer at, also {PORT}; without it the first free one from {_FIRST_PORT}",
    )
    add(
        "--address",
        help=f"address to listen on, also {ADDRESS}; without it localhost, which nobody else "
        "reaches; 0.0.0.0 is every interface",
    )
    add(
        "--password-file",
        default="",
        metavar="FILE",
        help=f"file with a password that is asked for before anything is shown, also "
        f"{password.FILE_VARIABLE}; or {password.VARIABLE}, the password itself",
    )
    add(
        "--login",
        default="",
        metavar="FILE",
        help=f"file that says at which identity provider people log in, and who may come in, also "
        f"{login.FILE_VARIABLE}",
    )
    add(
        "--frames",
        default="",
        metavar="ORIGINS",
        help=f"pages of others that may show the app in a frame, such as https://example.org, also "
        f"{headers.VARIABLE}; without it none",
    )
    add("--no-browser", action="store_true", help="do not open a browser")
    return found


def main(argv: list[str] | None = None) -> int:
    """Exit status: 0 stopped, 1 the input was at fault (a sentence on stderr), 2 wrong usage."""
    options = parser().parse_args(argv)
    try:
        _serve(options)
    except (ValueError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


def _serve(options: argparse.Namespace) -> None:
    """Until it is stopped. Raises ValueError for what cannot be opened, OSError for the port."""
    stores = [Path(name).expanduser().resolve() for name in options.store]
    for path in stores:
        if not path.exists():
            raise ValueError(
                f"there is no store or folder at {path}; build a store with `python -m precompute`"
            )
    address = options.address or os.environ.get(ADDRESS) or "localhost"
    port = options.port or os.environ.get(PORT)
    secret = password.read_password(options.password_file, os.environ)
    accounts = login.read_login(options.login, os.environ)
    frames = headers.read_frames(options.frames, os.environ)
    settings: dict[str, Any] = {
        "server.address": address,
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "logger.hideWelcomeMessage": True,  # it would ask the network for this computer's address
    }
    if port is not None:
        settings["server.port"] = _port(port)
    if accounts is not None:
        settings["secrets.files"] = [str(accounts.resolve())]
    main_script = HERE / "main.py"
    guards = [Middleware(headers.SafeHeaders, frames=frames)]
    if secret is not None:
        guards.append(Middleware(password.PasswordRequired, password=secret))

    def failed(error: Exception) -> bool:
        """A sentence in the page's place; where it happened is in the log alone."""
        logging.getLogger("lucidarium").error("a page failed", exc_info=error)
        st.error(
            "This page could not be shown, for a reason that nobody foresaw. Where the app was "
            "started is written why; `python -m precompute doctor` says whether the store is sound."
        )
        return True

    @asynccontextmanager
    async def told(_app: st.App) -> AsyncIterator[None]:
        guarded = secret is not None or accounts is not None
        _say(address, guarded=guarded, browser=not options.no_browser)
        yield

    # settings are looked for beside the script, and the script reads what follows
    words = [word for path in stores for word in ("--db", str(path))]
    sys.argv = [str(main_script), *words, *([login.FLAG] if accounts else [])]
    st.App(main_script, middleware=guards, lifespan=told, on_script_error=failed).run(
        config=settings
    )


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise ValueError(f"port {text!r} is no whole number from 0 to 65535")
    return int(text)


def _say(address: str, *, guarded: bool, browser: bool) -> None:
    """Where the app answers and to whom; opens a browser there where there is a screen."""
    host = "localhost" if address in {"0.0.0.0", "::", *LOCAL} else address
    url = f"http://{f'[{host}]' if ':' in host else host}:{config.get_option('server.port')}"
    print(f"Lucidarium answers at {url}; Ctrl-C stops it", flush=True)
    if address not in LOCAL and not guarded:
        print(
            f"whoever reaches this computer at {address} can see the stores and write notes; "
            "--password-file asks for a password first, --login for an account",
            flush=True,
        )
    if browser and not config.get_option("server.headless"):
        asyncio.get_running_loop().call_soon(cli_util.open_browser, url)


if __name__ == "__main__":
    sys.exit(main())
