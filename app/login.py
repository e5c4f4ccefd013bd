"""An account of an identity provider (OpenID Connect) before a page is shown: Streamlit's login,
checked before the app starts, and a list of who may come in.

It stands within the pages. What a page has shown has an address of its own, which is long and
random and asks nobody for leave; a password stands before those as well.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any

import streamlit as st

FILE_VARIABLE = "LUCIDARIUM_LOGIN"
"""of the environment: the file that says how to log in"""
FLAG = "--login"
"""what the script is told where accounts are asked for"""
EVERYONE = "*"
SHORTEST = 32
"""characters of the secret that signs cookies, at least"""
AUTHLIB = (1, 3, 2)
"""oldest version of the package that Streamlit logs in with"""
_OWN = "lucidarium"
_KEYS = ("redirect_uri", "cookie_secret", "client_id", "client_secret", "server_metadata_url")
_BACK = "/oauth2callback"


def read_login(file: str, environment: MutableMapping[str, str]) -> Path | None:
    """The file that says how to log in, `file` or the environment's; None: no account is asked for.

    Takes the variable out of the environment. Raises ValueError for a file that cannot be read, or
    in which something is missing, and where the package that logs in is missing.
    """
    named = environment.pop(FILE_VARIABLE, "")
    if not (file or named):
        return None
    path = Path(file or named).expanduser()
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the login file {path} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"the login file {path} is no TOML: {error}") from error
    auth, own = found.get("auth"), found.get(_OWN)
    auth = auth if isinstance(auth, dict) else {}
    missing = [key for key in _KEYS if not (isinstance(auth.get(key), str) and auth[key])]
    if missing:
        raise ValueError(
            f"the login file {path} lacks {', '.join(missing)} in its table [auth], which the "
            "identity provider gives when the app is registered there; docs/hosting.md has an "
            "example"
        )
    if not auth["redirect_uri"].endswith(_BACK):
        raise ValueError(
            f"redirect_uri in {path} is {auth['redirect_uri']!r}; it must be the app's own address "
            f"followed by {_BACK}"
        )
    if len(auth["cookie_secret"]) < SHORTEST:
        raise ValueError(
            f"cookie_secret in {path} has {len(auth['cookie_secret'])} characters; it needs "
            f"{SHORTEST} or more, drawn at random"
        )
    allow = own.get("allow") if isinstance(own, dict) else None
    if not isinstance(allow, list) or not allow or not all(isinstance(a, str) for a in allow):
        raise ValueError(
            f"the login file {path} does not say who may come in: give allow in a table [{_OWN}], "
            f'a list of addresses ("ann@example.org"), of domains ("@example.org"), or '
            f'["{EVERYONE}"] for everyone who has an account at the provider'
        )
    _check_package()
    return path


def _check_package() -> None:
    try:
        from authlib import __version__ as version
    except ImportError:
        version = ""
    parts = tuple(int(part) for part in version.split(".")[:3] if part.isdigit())
    if parts < AUTHLIB:
        wanted = ".".join(map(str, AUTHLIB))
        raise ValueError(
            f"--login needs the package authlib, {wanted} or later, "
            f"{f'not {version}' if version else 'which is missing'}: pip install 'streamlit[auth]'"
        )


def unasked(environment: Mapping[str, str]) -> str | None:
    """The variable that asks for an account where nothing does; see `app.password.unasked`."""
    return FILE_VARIABLE if environment.get(FILE_VARIABLE) else None


def admit() -> None:
    """Where accounts are asked for, stops the page until one that may come in is logged in."""
    if FLAG not in sys.argv[1:]:
        return
    account = st.user.to_dict()
    if not account.get("is_logged_in"):
        st.title("Lucidarium", anchor=False)
        st.button("Log in", type="primary", icon=":material/login:", on_click=st.login)
        st.stop()
    if not may_enter(account, list(st.secrets[_OWN]["allow"])):
        st.title("Lucidarium", anchor=False)
        st.error("This account is not among those that may see the stores.")
        st.button("Log out", icon=":material/logout:", on_click=st.logout)
        st.stop()


def may_enter(account: Mapping[str, Any], allow: list[str]) -> bool:
    """Whether an account's address is listed. Not where the provider says it is not verified."""
    if EVERYONE in allow:
        return True
    email = str(account.get("email") or "").casefold()
    name, at, domain = email.rpartition("@")
    if not (name and at and domain) or account.get("email_verified") is False:
        return False
    listed = {entry.strip().casefold() for entry in allow}
    return email in listed or f"@{domain}" in listed
