"""No question to a store runs for ever: a cursor that is still asking after a minute is stopped."""

from __future__ import annotations

import time
import weakref
from contextlib import suppress
from queue import SimpleQueue
from threading import Lock, Thread

import duckdb

_Due = tuple[float, weakref.ref[duckdb.DuckDBPyConnection]]


class Timeout:
    """Stops what cursors are asked; one thread watches all of them."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """from the making of a cursor: each question takes a new one"""
        self._waiting: SimpleQueue[_Due] = SimpleQueue()
        self._thread: Thread | None = None
        self._starting = Lock()

    def limit(self, cursor: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
        """The cursor itself. What is stopped raises duckdb.InterruptException."""
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._watch, name="timeout", daemon=True)
                self._thread.start()
        self._waiting.put((time.monotonic() + self.seconds, weakref.ref(cursor)))
        return cursor

    def _watch(self) -> None:
        while True:
            due, reference = self._waiting.get()
            time.sleep(max(0.0, due - time.monotonic()))
            cursor = reference()
            if cursor is not None:
                with suppress(duckdb.Error):  # of one that is closed
                    cursor.interrupt()  # does nothing to one that is idle
            del cursor


TIMEOUT = Timeout(60.0)
