"""What files hold, as one hash each; a file that has not changed since is not read again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from data.remembered import remembered, state_of

_UNREADABLE = "unreadable"


def content_hash(path: Path) -> str:
    """SHA-256 of all bytes of a regular file, as hex digits; "unreadable" for anything else."""
    return _UNREADABLE if state_of(path) is None else _read(path)


def content_hashes(paths: Iterable[Path], known: Path) -> list[str]:
    """`content_hash` of each; the file `known` keeps them."""
    return remembered(paths, known, _read, absent=_UNREADABLE)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return _UNREADABLE
