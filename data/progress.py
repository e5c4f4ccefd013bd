"""How far a build is, told in a folder beside its work while it runs, for a page to show.

`OUT/work/progress/NAME.build/status.json` is replaced as a whole about once a second, so that
whoever reads it reads it complete; a few of the first pictures lie beside it. A build calls
`part`, `step`, `note` and `show`, which do nothing where nobody asked to be told.

What is done on another thread, beside the part that is shown, runs under `behind`: it is heard only
while the build waits for it.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Literal

PICTURES = 12
"""pictures that are shown at most"""
SILENT = 30.0
"""seconds without a word after which a build counts as stopped"""
_BEAT = 0.7
"""seconds between two writes"""
_STATUS, _ENDING = "status.json", ".build"

State = Literal["running", "done", "failed", "stopped"]


@dataclass(frozen=True)
class Status:
    """Times are in seconds since 1970."""

    name: str
    """of the recipe, and so of the store"""
    started: float
    updated: float
    state: State = "running"
    parts: Mapping[str, float] = field(default_factory=dict)
    """what the build consists of, in order, and how long each part takes beside the others"""
    part: str = ""
    part_started: float = 0.0
    seconds: Mapping[str, float] = field(default_factory=dict)
    """that each finished part took"""
    step: str = ""
    """what is being done within the part"""
    step_started: float = 0.0
    done: int = 0
    total: int = 0
    """0: the step is not counted"""
    unit: str = ""
    note: str = ""
    """what the step itself says of how far it is"""
    store: str = ""
    """file name of the store, once it is published"""
    error: str = ""
    """why there will be none"""

    @property
    def rate(self) -> float | None:
        """Units a second in this step; None: it is not counted, or has just begun."""
        took = self.updated - self.step_started
        return self.done / took if self.done and took > 0.2 else None

    @property
    def share(self) -> float:
        """Of the whole work, 0..1, as far as can be told from how long parts take elsewhere."""
        work = sum(self.parts.values())
        return self._done() / work if work else 0.0

    @property
    def seconds_left(self) -> float | None:
        """None until enough is done to tell."""
        work, done = sum(self.parts.values()), self._done()
        if self.state != "running" or not work or done < 0.03 * work:
            return None
        within = self.updated - self.part_started if self.part not in self.seconds else 0.0
        return (sum(self.seconds.values()) + within) * (work - done) / done

    def _done(self) -> float:
        finished = sum(self.parts.get(name, 0.0) for name in self.seconds)
        weight = self.parts.get(self.part, 0.0)
        if not weight or self.part in self.seconds:
            return finished
        if finished:  # by how long the parts before took, beside what they take elsewhere
            expected = weight * sum(self.seconds.values()) / finished
            within = (self.updated - self.part_started) / max(expected, 1e-9)
        else:
            within = self.done / self.total if self.total else 0.0
        return finished + weight * min(within, 0.95)


class _Reporter:
    def __init__(self, folder: Path, name: str) -> None:
        now = time.time()
        self.folder, self.status = folder, Status(name, now, now)
        self.lock, self.over = threading.Lock(), threading.Event()
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.write()
        self.thread = threading.Thread(target=self._beat, daemon=True)
        self.thread.start()

    def change(self, **values: object) -> None:
        with self.lock:
            self.status = replace(self.status, **values)  # type: ignore[arg-type]

    def write(self) -> None:
        with self.lock:
            self.status = replace(self.status, updated=time.time())
            text = json.dumps(asdict(self.status))
        _replace(self.folder / _STATUS, text.encode())

    def end(self, **values: object) -> None:
        self.over.set()
        self.thread.join()
        self.change(**values)
        self.write()

    def _beat(self) -> None:
        while not self.over.wait(_BEAT):
            self.write()


_REPORTER: ContextVar[_Reporter | None] = ContextVar("_REPORTER", default=None)


class Abandoned(Exception):
    """Nobody waits any more for what is done."""


@dataclass
class Behind:
    """Of work beside the part that is shown; set by whoever waits for it."""

    awaited: bool = False
    """nothing else is being done, so its steps are shown"""
    abandoned: bool = False
    """its next step raises `Abandoned`"""


_BEHIND: ContextVar[Behind | None] = ContextVar("_BEHIND", default=None)


@contextmanager
def behind(told: Behind) -> Iterator[None]:
    """While the block runs, its steps are shown, or stop it, as `told` says."""
    token = _BEHIND.set(told)
    try:
        yield
    finally:
        _BEHIND.reset(token)


def _heard() -> _Reporter | None:
    """Raises Abandoned."""
    told = _BEHIND.get()
    if told and told.abandoned:
        raise Abandoned
    return None if told and not told.awaited else _REPORTER.get()


@contextmanager
def reported(out: Path, name: str) -> Iterator[None]:
    """While the block runs, what it does can be read by `statuses(out)`; and why it failed."""
    reporter = _Reporter(_folder(out, name), name)
    token = _REPORTER.set(reporter)
    try:
        yield
    except KeyboardInterrupt:
        reporter.end(state="stopped", error="it was stopped by hand")
        raise
    except BaseException as error:
        told = str(error) if isinstance(error, ValueError | OSError) else repr(error)
        reporter.end(state="failed", error=told)
        raise
    finally:
        _REPORTER.reset(token)
        reporter.over.set()


def plan(parts: Mapping[str, float]) -> None:
    """What the build consists of, in order, and how long each part takes beside the others."""
    reporter = _REPORTER.get()
    if reporter:
        reporter.change(parts=dict(parts))


def part(name: str) -> None:
    """A part of the plan begins, and so the one before it ends."""
    reporter = _REPORTER.get()
    if reporter:
        now, before = time.time(), reporter.status
        seconds = dict(before.seconds)
        if before.part:
            seconds[before.part] = now - before.part_started
        reporter.change(part=name, part_started=now, seconds=seconds)


def step(name: str, done: int = 0, total: int = 0, unit: str = "") -> None:
    """What is being done now, and how much of it is done."""
    reporter = _heard()
    if reporter:
        again = reporter.status.step == name
        started = reporter.status.step_started if again else time.time()
        reporter.change(step=name, step_started=started, done=done, total=total, unit=unit, note="")


def note(text: str) -> None:
    """What the step says of how far it is, in its own words."""
    reporter = _heard()
    if reporter:
        reporter.change(note=text)


def show(pictures: Sequence[bytes]) -> None:
    """JPEGs of some of the images, instead of those shown before."""
    reporter = _REPORTER.get()
    if reporter:
        for i, picture in enumerate(pictures[:PICTURES]):
            _replace(reporter.folder / f"{i}.jpg", picture)


def finish(store: Path) -> None:
    """The store is published."""
    reporter = _REPORTER.get()
    if reporter:
        part("")
        reporter.end(state="done", store=store.name)


def statuses(out: Path) -> list[Status]:
    """Of the builds that wrote, or write, into a folder of stores; the latest first."""
    read = (_read(path) for path in _folder(out, "").parent.glob(f"*{_ENDING}/{_STATUS}"))
    return sorted((s for s in read if s), key=lambda s: -s.started)


def pictures(out: Path, status: Status) -> list[bytes]:
    """JPEGs that the build shows so far."""
    folder = _folder(out, status.name)
    files = (folder / f"{i}.jpg" for i in range(PICTURES))
    return [file.read_bytes() for file in files if file.is_file()]


def _read(path: Path) -> Status | None:
    """None: it is no status, or one of another version."""
    known = {f.name for f in fields(Status)}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        status = Status(**{key: value for key, value in found.items() if key in known})
        silent = time.time() - status.updated
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    if f"{status.name}{_ENDING}" != path.parent.name:
        return None
    if status.state == "running" and silent > SILENT:
        return replace(status, state="stopped", error="its process ended without a word")
    return status


def _folder(out: Path, name: str) -> Path:
    return out / "work" / "progress" / f"{name}{_ENDING}"


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_bytes(content)
    os.replace(partial, path)
