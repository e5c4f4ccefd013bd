"""The log of a build: what was done, how long it took, and what could not be done."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from data import progress, write

_ROOT = Path(__file__).parents[2]
_OWN = tuple(str(_ROOT / name) for name in ("core", "data", "precompute"))
_PLACES, _LONGEST = 3, 500
"""places in the code that a notice names, and characters of a message that it keeps"""


@dataclass
class Log:
    """What goes into the tables `stage` and `notice`."""

    stages: list[tuple[str, float, int, str, int | None]] = field(default_factory=list)
    notices: list[tuple[str, str, str]] = field(default_factory=list)
    bank_id: int | None = None
    """the bank that stages are for from now on; None: for all"""

    def stage(self, name: str, seconds: float, n: int, unit: str) -> None:
        self.stages.append((name, seconds, n, unit, self.bank_id))

    def take(self, other: Log) -> None:
        """Adds what another log says after what this one says."""
        self.stages += other.stages
        self.notices += other.notices

    @contextmanager
    def timed(self, name: str, n: int, unit: str) -> Iterator[None]:
        started = time.perf_counter()
        progress.step(name, total=n, unit=unit)
        yield
        self.stage(name, time.perf_counter() - started, n, unit)

    def told(self) -> list[tuple[str, str, str]]:
        """The notices, those of one stage with one reason as one: its subjects are joined."""
        subjects: dict[tuple[str, str], list[str]] = {}
        for stage, subject, message in self.notices:
            mine = subjects.setdefault((stage, message), [])
            if subject not in mine:
                mine.append(subject)
        return [(stage, ", ".join(mine), message) for (stage, message), mine in subjects.items()]

    def notice(self, stage: str, subject: str, error: Exception) -> None:
        self.notices.append((stage, subject, _told(error)))

    @contextmanager
    def attempt(
        self,
        stage: str,
        subject: str,
        con: duckdb.DuckDBPyConnection | None = None,
        *,
        undone: str = "",
    ) -> Iterator[None]:
        """One part of a build. Whatever fails in it becomes a notice, and the build goes on.

        `undone` says before the reason what there is not.
        With `con`, what the part wrote before it failed is taken back; such parts do not nest.
        Raises what no further part would survive: no memory (MemoryError), no room on the disk
        (OSError), and faults of the database that `con` cannot take back.
        """
        try:
            with nullcontext() if con is None else write.taken_back_on_failure(con):
                yield
        except Exception as error:
            if type(error).__name__ == "OutOfMemoryError":  # of a GPU
                raise MemoryError(str(error)) from error
            if write.ends_build(error, taken_back=con is not None):
                raise
            self.notices.append((stage, subject, f"{undone}: " * bool(undone) + _told(error)))


def _told(error: Exception) -> str:
    """Its words alone where the product raised it for people, else also where it comes from."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        (Path(frame.filename).relative_to(_ROOT).as_posix(), frame.lineno)
        for frame in frames
        if frame.filename.startswith(_OWN) and frame.filename != __file__
    ]
    known = isinstance(error, ValueError | OSError)
    if known and (not ours or Path(frames[-1].filename) == _ROOT / ours[-1][0]):
        return str(error)
    places = ", called from ".join(f"{name} line {line}" for name, line in ours[::-1][:_PLACES])
    kind = "" if known else f"it stopped unexpectedly with {type(error).__name__}: "
    text = " ".join(str(error).split())
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
    return f"{kind}{text or 'no reason given'}" + (f" ({places})" if places else "")
