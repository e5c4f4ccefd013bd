"""Decoding in processes of their own, each file for a bounded time.

A crafted file can keep a decoder busy for days, or end its process. Threads cannot be stopped, so
files whose decoding is not sure to end soon are decoded elsewhere: in one process for each thread
that asks, started when first needed. It ends itself when a file takes too long, and when nobody
asks any more.

Handing every file to another process would cost small ones more than decoding them. Those of which
the work is in proportion to their bytes and pixels, both of which are bounded, stay where they are.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from data.images.files import UnusableImage, format_of

SECONDS = 60
"""that one file may take"""
SCANS = 32
"""of a JPEG that is decoded where it is asked for; programs write about ten"""
_SCAN = b"\xff\xda"
"""begins a scan of a JPEG, and occurs within none"""
_IN_PROPORTION = ("PNG", "BMP", "PNM")
_ROOT = Path(__file__).resolve().parents[2]


def in_proportion(content: bytes) -> bool:
    """Whether the work of decoding is bounded by a file's bytes and pixels.

    A JPEG may go over all its pixels once for every scan, of which a few bytes make one.
    """
    kind = format_of(content)
    if kind == "JPEG":
        return content.count(_SCAN) <= SCANS
    return kind in _IN_PROPORTION


class Decoders:
    """Processes that decode; as many as threads ask at once."""

    def __init__(self, seconds: int = SECONDS) -> None:
        self._seconds = seconds
        self._idle: list[_Decoder] = []
        self._lock = threading.Lock()
        self._owner = os.getpid()
        atexit.register(self.close)

    def decode(self, task: str, content: bytes, **options: Any) -> tuple[dict[str, Any], bytearray]:
        """What `task` gives: facts and bytes. Raises UnusableImage with the reason."""
        with self._lock:
            if self._owner != os.getpid():  # forked: the processes are those of another
                self._idle, self._owner = [], os.getpid()
            decoder = self._idle.pop() if self._idle else None
        if decoder is None or decoder.process.poll() is not None:
            decoder = _Decoder(self._seconds)
        try:
            facts, raw = decoder.ask({"task": task, **options}, content)
        except BaseException:
            decoder.end()  # half an answer may still be on its way
            raise
        with self._lock:
            self._idle.append(decoder)
        if "unusable" in facts:
            raise UnusableImage(facts["unusable"])
        return facts, raw

    def close(self) -> None:
        """Ends the processes; the next file starts others."""
        with self._lock:
            idle, self._idle = self._idle, []
        if self._owner == os.getpid():
            for decoder in idle:
                decoder.end()


class _Decoder:
    """One process. Where the system has no timer for processes, as on Windows, without a bound."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self.process = subprocess.Popen(
            [sys.executable, "-m", "data.images.decoder", str(seconds)],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for who asked, who then ends it
        )

    def ask(self, request: dict[str, Any], content: bytes) -> tuple[dict[str, Any], bytearray]:
        pipe_in, pipe_out = self.process.stdin, self.process.stdout
        assert pipe_in
        assert pipe_out
        try:
            send(pipe_in, request, content)
            answer = receive(pipe_out)
        except OSError:
            answer = None
        if answer is not None:
            return answer
        status = self.process.wait()
        if hasattr(signal, "SIGALRM") and status == -signal.SIGALRM:
            raise UnusableImage(
                f"it was not decoded within {self._seconds} seconds, so it was given up"
            )
        raise UnusableImage(f"the decoder broke down on it (status {status})")

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


def send(pipe: IO[bytes], facts: dict[str, Any], raw: bytes | memoryview) -> None:
    """One line of facts that says how many bytes follow, then those."""
    pipe.write(json.dumps({**facts, "bytes": len(raw)}).encode() + b"\n")
    pipe.write(raw)
    pipe.flush()


def receive(pipe: IO[bytes]) -> tuple[dict[str, Any], bytearray] | None:
    """What `send` sent; None: the other end is gone."""
    line = pipe.readline()
    if not line.endswith(b"\n"):
        return None
    facts = json.loads(line)
    raw = bytearray(facts.pop("bytes"))
    view, at = memoryview(raw), 0
    while at < len(raw):
        n = pipe.readinto(view[at:])  # type: ignore[attr-defined]
        if not n:
            return None
        at += n
    return facts, raw


def serve(tasks: dict[str, Callable[..., tuple[dict[str, Any], bytes]]], seconds: int) -> None:
    """Decodes what is asked on the standard input, until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a decoder prints is no answer
    asked = sys.stdin.buffer
    while True:
        request = receive(asked)
        if request is None:
            return
        options, content = request
        _alarm(seconds)
        try:
            facts, raw = tasks[options.pop("task")](bytes(content), **options)
        except UnusableImage as error:
            facts, raw = {"unusable": str(error)}, b""
        _alarm(0)
        send(answers, facts, raw)


def _alarm(seconds: int) -> None:
    """Ends this process in so many seconds, whatever it does then; 0: not."""
    if hasattr(signal, "alarm"):
        signal.alarm(seconds)


DECODERS = Decoders()
