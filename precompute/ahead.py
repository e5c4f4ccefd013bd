"""Parts of a build made on a second thread before their turn comes.

A build keeps one core busy at a time where it writes tables, counts and sorts; the next banks can
be fitted meanwhile. What is made is the same, and in the same order, as without.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from data.progress import Behind, behind

DEPTH = 2
"""tasks that may be finished or begun beyond the one that is taken, since each keeps memory"""

T = TypeVar("T")


@dataclass(frozen=True)
class Task(Generic[T]):
    make: Callable[[], T]
    beside: bool = True
    """whether it may run beside other parts; if not, it is made when it is taken, and no other
    task meanwhile"""


class Ahead(Generic[T]):
    """What `begun` gives; `take` what it makes, in order, each once."""

    def __init__(self, tasks: Sequence[Task[T]]) -> None:
        self.tasks, self.told = tasks, Behind()
        self.made: list[Future[T]] = [Future() for _ in tasks]
        self.room, self.turn = threading.Semaphore(DEPTH), threading.Lock()
        context = contextvars.copy_context()
        self.thread = threading.Thread(target=context.run, args=(self._make,), daemon=True)
        self.thread.start()

    def take(self, i: int) -> T:
        """Waits for task i; raises what it raised."""
        self.told.awaited = True
        if not self.tasks[i].beside:
            with self.turn:
                self.told.awaited = False
                return self.tasks[i].make()
        try:
            return self.made[i].result()
        finally:
            self.told.awaited = False
            self.made[i] = Future()  # a bank is not kept for longer than it is needed
            self.room.release()

    def leave(self) -> None:
        """Nobody takes any more: what is being made stops at its next step."""
        self.told.abandoned = True
        self.room.release()
        self.thread.join()

    def _make(self) -> None:
        with behind(self.told):
            for i, task in enumerate(self.tasks):
                if not task.beside:
                    continue
                self.room.acquire()
                if self.told.abandoned:
                    return
                with self.turn:
                    try:
                        self.made[i].set_result(task.make())
                    except BaseException as error:
                        self.made[i].set_exception(error)


@contextmanager
def begun(tasks: Sequence[Task[T]]) -> Iterator[Ahead[T]]:
    """While the block runs, tasks are made on a second thread, `DEPTH` ahead of those taken."""
    ahead = Ahead(tasks)
    try:
        yield ahead
    finally:
        ahead.leave()
