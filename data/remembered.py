"""What was found out of files, kept so that a file that has not changed is not looked at again."""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

_SETTLED = 2_000_000_000
"""nanoseconds: a file written less than this ago may change again within one tick of its clock"""

_State = list[int]
"""of a file: size in bytes, times of its last change of content and of facts in ns, inode"""


def remembered(
    paths: Iterable[Path], known: Path, look: Callable[[Path], Any], *, absent: Any
) -> list[Any]:
    """`look(path)` of each regular file, `absent` of anything else; what it gives becomes JSON.

    The file `known` keeps what was found, for paths whose state is the same. What is not in order
    with `known` costs time and nothing else.
    """
    named = [path.absolute() for path in paths]
    before = _load(known)

    def one(path: Path) -> tuple[_State | None, Any]:
        state = state_of(path)
        if state is None:
            return None, absent
        then, found = before.get(str(path), (None, None))
        return state, found if then == state else look(path)

    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(one, named))
    after = {
        str(path): [state, what]
        for path, (state, what) in zip(named, found, strict=True)
        if state is not None and time.time_ns() - max(state[1:3]) > _SETTLED
    }
    if after != {path: [*entry] for path, entry in before.items()}:
        _save(known, after)
    return [what for _, what in found]


def state_of(path: Path) -> _State | None:
    """None for what is not there or is no regular file: a pipe or a device may never end."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def _load(known: Path) -> dict[str, tuple[_State, Any]]:
    try:
        held = json.loads(known.read_text(encoding="utf-8"))
        return {path: (state, found) for path, (state, found) in held.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _save(known: Path, held: Mapping[str, Sequence[object]]) -> None:
    making = known.with_name(f".{known.name}.{os.getpid()}")
    with suppress(OSError):
        known.parent.mkdir(parents=True, exist_ok=True)
        making.write_text(json.dumps(held), encoding="utf-8")
        os.replace(making, known)
