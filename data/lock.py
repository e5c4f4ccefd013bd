"""One process at a time writes what several would write under the same name.

The lock is the operating system's, on a hidden file beside what it guards: it ends with its
process, however that ends, so nothing that a killed build leaves behind is in the way of the next.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

_POLL = 0.2
"""seconds between two attempts"""
_USED: dict[Path, FileLock] = {}
"""what this process uses: locks that are held until it ends"""


@dataclass(frozen=True)
class Held:
    """The right to write `target`, while it lasts."""

    target: Path

    def awaited(self) -> bool:
        """Whether another process waits for it now."""
        return _taken(_beside(self.target, "next"))


@contextmanager
def alone(target: Path, does: str, tell: Callable[[str], object]) -> Iterator[Held]:
    """While the block runs, no other process gets past the same line for the same `target`.

    Waits as long as another has it, and calls `tell` with a sentence that says which process that
    is, since when, and what it `does`. `target` need not exist; its folder is made. Raises OSError
    where no file can be made there.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock, queue = FileLock(_beside(target, "lock")), FileLock(_beside(target, "next"))
    note = _beside(target, "holder")

    def waiting(who: str) -> None:
        tell(f"{who} {does}; waiting until it has finished")

    _wait(queue, note, waiting)
    try:
        _wait(lock, note, waiting)
    finally:
        _drop(queue)
    try:
        said = {"pid": os.getpid(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
        note.write_text(json.dumps(said | {"computer": platform.node()}), encoding="utf-8")
        yield Held(target)
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        _drop(lock)


def holder(target: Path) -> str:
    """Which process writes `target` now, in words; "" where none does."""
    if not _taken(_beside(target, "lock")):
        return ""
    return _said(_beside(target, "holder"))


def use(target: Path, tell: Callable[[str], object]) -> None:
    """From now on until this process ends, `users(target)` is true, in every process.

    Any number of processes may use `target`; whoever is `alone` with it is waited for, as `tell`
    hears.
    """
    mine = _beside(target, f"{os.getpid()}.user").absolute()
    if mine in _USED:
        return
    with alone(target, f"has {target.name} to itself", tell):
        held = FileLock(mine)
        held.acquire(timeout=0)
    _USED[mine] = held


def users(target: Path) -> bool:
    """Whether a process uses `target` now. Files of those that have ended are removed."""
    found = [_taken(file) for file in target.parent.glob(f".{target.name}.*.user")]
    return any(found)


def _beside(target: Path, kind: str) -> Path:
    return target.with_name(f".{target.name}.{kind}")


def _wait(lock: FileLock, note: Path, waiting: Callable[[str], None]) -> None:
    told = ""
    while True:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            who = _said(note)
            if who != told:
                waiting(who)
                told = who
            time.sleep(_POLL)
        else:
            return


def _drop(lock: FileLock) -> None:
    """The file goes while it is still locked: whoever has it open then finds it without a name."""
    with suppress(OSError):
        Path(lock.lock_file).unlink(missing_ok=True)
    lock.release()


def _taken(file: Path) -> bool:
    if not file.exists():
        return False
    lock = FileLock(file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    _drop(lock)
    return False


def _said(note: Path) -> str:
    try:
        said = json.loads(note.read_text(encoding="utf-8"))
        here = "" if said["computer"] == platform.node() else f" on {said['computer']}"
        return f"process {int(said['pid'])}{here}, since {said['since']},"
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"
