"""Ctrl-C ends a command, at once or after a library that lost it."""

from __future__ import annotations

import signal
import time
from contextlib import suppress

import pytest

from precompute import __main__ as command_line
from precompute import interrupts

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer of signals here")


def _lost(_options: object) -> int:
    with suppress(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
    for _ in range(1_000):
        time.sleep(0.01)
    return 0


def test_an_interrupt_that_was_lost_is_said_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(interrupts, "_AGAIN", 0.05)
    monkeypatch.setitem(command_line._COMMANDS, "clean", _lost)
    started = time.monotonic()
    assert command_line.main(["clean"]) == 130
    assert time.monotonic() - started < 5
    assert "the same command resumes" in capsys.readouterr().err


def test_signals_are_as_before_afterwards() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)
    with pytest.raises(KeyboardInterrupt), interrupts.heeded():
        signal.raise_signal(signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGALRM)) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
