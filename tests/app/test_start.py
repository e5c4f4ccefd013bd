"""Started from another folder, the app answers on this computer alone and keeps its settings."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from paths import ROOT
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.testing.v1 import AppTest
from websockets.sync.client import connect

from app import __main__, password

LOOPBACK = {"0100007F", "00000000000000000000000001000000"}
"""127.0.0.1 and ::1, as the kernel writes them"""
BY_MODULE = [str(ROOT / "app"), "--no-browser", "--port", "0"]
BY_STREAMLIT = ["-m", "streamlit", "run", str(ROOT / "app" / "main.py")]
BY_STREAMLIT += ["--server.headless", "true", "--server.port", "0"]


@contextmanager
def started(words: list[str], folder: Path, **more: str) -> Iterator[tuple[subprocess.Popen, int]]:
    """The process and its port, once it answers."""
    command = [sys.executable, *words]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", "HOME": str(folder), **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            for line in process.stdout:
                found = re.search(r"http://localhost:(\d+)", line)
                if found:
                    yield process, int(found[1])
                    return
            raise AssertionError("the app did not start")
        finally:
            process.terminate()


def listens_on(port: int) -> set[str]:
    """Addresses with a listening socket at the port."""
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text("ascii").splitlines()[1:]
    ]
    places = [row[1].split(":") for row in rows if row[3] == "0A"]
    return {address for address, at in places if int(at, 16) == port}


def opened(port: int) -> Any:
    """What a page is told when its session begins."""
    with connect(f"ws://localhost:{port}/_stcore/stream", subprotocols=["streamlit"]) as socket:
        ask = BackMsg()
        ask.rerun_script.query_string = ""
        socket.send(ask.SerializeToString())
        while True:
            told = ForwardMsg()
            told.ParseFromString(socket.recv(timeout=30))
            if told.HasField("new_session"):
                return told.new_session


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="no list of sockets here")
@pytest.mark.parametrize("words", [BY_MODULE, BY_STREAMLIT], ids=["python", "streamlit"])
def test_from_another_folder(words: list[str], tmp_path: Path) -> None:
    """Settings of the folder it is started in do not count."""
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text(
        '[server]\naddress = "0.0.0.0"\n[browser]\ngatherUsageStats = true\n', encoding="utf-8"
    )
    with started(words, tmp_path) as (process, port):
        assert listens_on(port) <= LOOPBACK
        assert listens_on(port)
        session = opened(port)
        process.terminate()
        assert process.wait(20) in (0, -15)
    assert session.config.gather_usage_stats is False
    assert session.custom_theme.light.primary_color == "#2A6F97"


def test_it_is_bound_where_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[dict[str, Any]] = []
    monkeypatch.setattr(__main__.st.App, "run", lambda _app, config: runs.append(config))
    monkeypatch.setattr(sys, "argv", sys.argv)
    for name in (__main__.ADDRESS, __main__.PORT, password.VARIABLE, password.FILE_VARIABLE):
        monkeypatch.delenv(name, raising=False)

    assert __main__.main([str(tmp_path)]) == 0
    assert sys.argv[1:] == ["--db", str(tmp_path)]
    monkeypatch.setenv(__main__.ADDRESS, "0.0.0.0")
    monkeypatch.setenv(__main__.PORT, "7860")
    assert __main__.main([]) == 0
    assert __main__.main(["--address", "192.0.2.1", "--port", "9000"]) == 0

    found = [(run["server.address"], run.get("server.port")) for run in runs]
    assert found == [("localhost", None), ("0.0.0.0", 7860), ("192.0.2.1", 9000)]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere.duckdb"], "there is no store or folder at"),
        (["--port", "x"], "port 'x' is no whole number"),
        (["--port", "70000"], "port '70000' is no whole number"),
        (["--password-file", "nowhere"], "the password file nowhere cannot be read"),
    ],
)
def test_what_is_wrong_is_said(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert __main__.main(words) == 1
    assert told in capsys.readouterr().err


def test_who_else_can_see_it_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    for address, guarded in (("0.0.0.0", False), ("0.0.0.0", True), ("localhost", False)):
        __main__._say(address, guarded=guarded, browser=False)

    assert capsys.readouterr().out.count("can see the stores and write notes") == 1


def test_a_password_that_nothing_asks_for_shows_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["main.py", "--db", str(tmp_path)])
    monkeypatch.setenv(password.VARIABLE, "correct horse")
    at = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=60).run()

    assert "Start the app with `python -m app`" in at.error[0].value
    assert "correct horse" not in at.error[0].value
    assert len(at.main) == 1
