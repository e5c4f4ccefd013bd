"""A login that cannot work is said before the app starts; accounts that are not listed stay out."""

from __future__ import annotations

import builtins
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT
from streamlit.testing.v1 import AppTest

from app import __main__, login

AUTH = {
    "redirect_uri": "http://localhost:8501/oauth2callback",
    "cookie_secret": "x" * 32,
    "client_id": "one",
    "client_secret": "two",
    "server_metadata_url": "https://example.org/.well-known/openid-configuration",
}
ALLOW = '[lucidarium]\nallow = ["ann@example.org"]\n'


def toml(allow: str = ALLOW, **changed: str) -> str:
    rows = {**AUTH, **changed}
    return "[auth]\n" + "".join(f'{k} = "{v}"\n' for k, v in rows.items() if v != "-") + allow


@pytest.fixture
def authlib(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    module = types.ModuleType("authlib")
    module.__version__ = "1.6.5"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "authlib", module)
    return module


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[auth", "is no TOML"),
        ("", "lacks redirect_uri, cookie_secret, client_id, client_secret, server_metadata_url"),
        ("auth = 3", "lacks redirect_uri"),
        (toml(client_secret="-"), "lacks client_secret in its table [auth]"),
        (toml(client_id=""), "lacks client_id in its table [auth]"),
        (toml(redirect_uri="https://a.org/"), "followed by /oauth2callback"),
        (toml(cookie_secret="short"), "has 5 characters; it needs 32 or more"),
        (toml(allow=""), "does not say who may come in"),
        (toml(allow="[lucidarium]\nallow = []\n"), "does not say who may come in"),
        (toml(allow='[lucidarium]\nallow = "ann@example.org"\n'), "does not say who may come in"),
    ],
)
@pytest.mark.usefixtures("authlib")
def test_what_is_missing_is_said_and_nothing_starts(
    text: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "login.toml"
    file.write_text(text, encoding="utf-8")
    assert __main__.main(["--login", str(file)]) == 1
    error = capsys.readouterr().err
    assert told in error
    assert str(file) in error
    assert __main__.main(["--login", str(tmp_path / "none")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_a_missing_or_old_package_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authlib: types.ModuleType
) -> None:
    file = tmp_path / "login.toml"
    file.write_text(toml(), encoding="utf-8")
    authlib.__version__ = "1.3.1"  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"1\.3\.2 or later, not 1\.3\.1: pip install"):
        login.read_login(str(file), {})
    plain = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "authlib":
            raise ImportError(name)
        return plain(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ValueError, match=r"needs the package authlib, .* which is missing: pip"):
        login.read_login(str(file), {})


@pytest.mark.usefixtures("authlib")
def test_a_login_that_is_whole_is_handed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "login.toml"
    file.write_text(toml(), encoding="utf-8")
    runs: list[dict[str, Any]] = []
    monkeypatch.setattr(__main__.st.App, "run", lambda _app, config: runs.append(config))
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setenv(login.FILE_VARIABLE, str(file))
    assert __main__.main([]) == 0
    assert runs[0]["secrets.files"] == [str(file)]
    assert sys.argv[1:] == [login.FLAG]
    assert __main__.main([]) == 0  # the variable was taken
    assert "secrets.files" not in runs[1]
    assert sys.argv[1:] == []


def test_without_an_account_there_is_a_button_and_nothing_else(
    tiny_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60)
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(tiny_store), login.FLAG])
    at.run()
    assert not at.exception
    assert [button.label for button in at.button] == ["Log in"]
    assert len(at.main) == 2
    assert not at.sidebar.children


@pytest.mark.parametrize(
    ("account", "allow", "may"),
    [
        ({"email": "ann@example.org"}, ["ann@example.org"], True),
        ({"email": "Ann@Example.org", "email_verified": True}, ["ann@example.org"], True),
        ({"email": "ann@example.org"}, ["@example.org"], True),
        ({"email": "ann@example.org", "email_verified": False}, ["@example.org"], False),
        ({"email": "ann@evil-example.org"}, ["@example.org", "example.org"], False),
        ({"email": "ann@example.org.evil"}, ["ann@example.org", "@example.org"], False),
        ({"email": "@example.org"}, ["@example.org"], False),
        ({"email": None}, ["@"], False),
        ({}, ["", "@"], False),
        ({}, ["*"], True),
    ],
)
def test_who_may_come_in(account: dict[str, Any], allow: list[str], may: bool) -> None:
    assert login.may_enter(account, allow) is may


def test_accounts_that_nothing_asks_for_show_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(tmp_path)])
    monkeypatch.setenv(login.FILE_VARIABLE, "login.toml")
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60).run()
    assert "asks for an account, and `streamlit run` does not" in at.error[0].value
    assert len(at.main) == 1
