"""Ctrl-C ends a command, also where a library takes no notice of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_AGAIN = 5.0
"""seconds after which it is said once more, if the command has not ended by then"""


@contextmanager
def heeded() -> Iterator[None]:
    """Raises KeyboardInterrupt at Ctrl-C, and again every few seconds until the block is left.

    A compiler that is called back by C code loses an exception that is raised meanwhile, and goes
    on as if nothing had been said.
    """
    main = threading.current_thread() is threading.main_thread()
    if not (main and hasattr(signal, "setitimer")):  # else it is said once, or to another
        yield
        return
    before = signal.signal(signal.SIGINT, _stop), signal.signal(signal.SIGALRM, _stop)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGALRM, before[1])


def _stop(_signal: int, _frame: FrameType | None) -> None:
    signal.setitimer(signal.ITIMER_REAL, _AGAIN)
    raise KeyboardInterrupt
