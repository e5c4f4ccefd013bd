"""What files hold, as one hash each; a file that has not changed since is not read again."""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

_UNREADABLE = "unreadable"
_SETTLED = 2_000_000_000
"""nanoseconds: a file written less than this ago may change again within one tick of its clock"""

_State = list[int]
"""of a file: size in bytes, times of its last change of content and of facts in ns, inode"""


def content_hash(path: Path) -> str:
    """SHA-256 of all bytes of a regular file, as hex digits; "unreadable" for anything else."""
    state = _state(path)
    return _UNREADABLE if state is None else _read(path)


def content_hashes(paths: Iterable[Path], known: Path) -> list[str]:
    """`content_hash` of each. The file `known` keeps them, for paths whose state is the same.

    What is not in order with `known` costs time and nothing else.
    """
    named = [path.absolute() for path in paths]
    before = _load(known)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda path: _looked_up(path, before), named))
    after = {
        str(path): [state, content]
        for path, (state, content) in zip(named, found, strict=True)
        if state is not None and time.time_ns() - max(state[1:3]) > _SETTLED
    }
    if after != {path: [*entry] for path, entry in before.items()}:
        _save(known, after)
    return [content for _, content in found]


def _looked_up(path: Path, before: dict[str, tuple[_State, str]]) -> tuple[_State | None, str]:
    state = _state(path)
    if state is None:
        return None, _UNREADABLE
    then, content = before.get(str(path), (None, ""))
    return state, content if then == state else _read(path)


def _state(path: Path) -> _State | None:
    """None for what is not there or is no regular file: a pipe or a device may never end."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return _UNREADABLE


def _load(known: Path) -> dict[str, tuple[_State, str]]:
    try:
        held = json.loads(known.read_text(encoding="utf-8"))
        return {path: (state, content) for path, (state, content) in held.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _save(known: Path, held: Mapping[str, Sequence[object]]) -> None:
    making = known.with_name(f".{known.name}.{os.getpid()}")
    with suppress(OSError):
        known.parent.mkdir(parents=True, exist_ok=True)
        making.write_text(json.dumps(held), encoding="utf-8")
        os.replace(making, known)
