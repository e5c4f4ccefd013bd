"""Files below a folder: those to read as images, and every other one with the reason why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from data.images import why_no_image

Skip = tuple[str, str]
"""file, relative to the root with forward slashes, and reason"""
_MAC = "__MACOSX"


@dataclass
class Walk:
    """Every file that is not hidden is in one of the two lists."""

    root: Path
    outside: bool
    """whether links may lead out of the root"""
    files: list[Path] = field(default_factory=list)
    """relative to the root, in order of name"""
    skipped: list[Skip] = field(default_factory=list)
    seen: set[Path] = field(default_factory=set)
    """real folders that were read"""


def walk(root: Path, *, outside: bool) -> Walk:
    """Files below `root`. Each real folder is read once, however many links lead to it.

    Hidden are names that begin with a dot. Links inside the root are followed where they lead to
    files; a folder in the root is read at its own place alone.
    """
    out = Walk(root, outside)
    _visit(out, root)
    return out


def _visit(out: Walk, place: Path) -> None:
    out.seen.add(place.resolve())
    try:
        entries = sorted(place.iterdir())
    except PermissionError:
        _skip(out, place, "folder may not be read")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.name == _MAC:
            _skip(out, entry, "folder of what macOS notes beside the files")
            continue
        try:
            reason = _why_not(out, entry)
            folder = not reason and entry.is_dir()
        except OSError as error:
            reason, folder = f"cannot be read ({error.strerror})", False
        if reason:
            _skip(out, entry, reason)
        elif folder:
            _visit(out, entry)
        else:
            out.files.append(entry.relative_to(out.root))


def _why_not(out: Walk, entry: Path) -> str:
    """Why a file or folder is not read; "": it is."""
    if printable(entry) != entry.as_posix():
        return "the file's name is not valid Unicode"
    if entry.is_symlink() and entry.exists():
        real, root = entry.resolve(), out.root.resolve()
        if not out.outside and not real.is_relative_to(root):
            return (
                "a link that leads out of the folder; the option outside = true of the data set "
                "allows it"
            )
        if entry.is_dir():
            if root.is_relative_to(real) or real in entry.absolute().parents:
                return "a link to a folder that it lies in"
            if real.is_relative_to(root):
                return "a link to a folder that is read at its own place"
            if real in out.seen:
                return "a link to a folder that was read before"
    return "" if entry.is_dir() else why_no_image(entry)


def _skip(out: Walk, entry: Path, reason: str) -> None:
    out.skipped.append((printable(entry.relative_to(out.root)), reason))


def printable(path: Path) -> str:
    """What a database can hold of a name."""
    return path.as_posix().encode("utf-8", "replace").decode()
