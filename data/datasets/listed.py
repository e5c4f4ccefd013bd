"""Files that a table lists: its paths made into places below the table's folder, or refused."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from os.path import normpath
from pathlib import Path, PurePosixPath

from data.images import why_no_image

_WINDOWS = re.compile(r"[A-Za-z]:|\\\\")


@dataclass(frozen=True)
class Listing:
    """Where the paths of a table lead."""

    table: Path
    outside: bool
    """whether they may lead out of the table's folder"""

    def place(self, written: str, *, line: int, column: str) -> str:
        """The file as the data set calls it: relative to the table's folder, forward slashes.

        Backslashes separate folders as well where no file has one in its name, and accents may be
        composed or not. Raises ValueError, naming the row and the column, for a path of another
        computer and for one that leads out of the folder without leave.
        """
        folder, where = self.table.parent, f"{self.table}, row {line}, column {column!r}"
        if _WINDOWS.match(written):
            raise ValueError(
                f"{where}: {written!r} is a path of another computer; paths must be relative to "
                f"{folder}"
            )
        found = written
        if "\\" in written and not _exists(folder / written):
            found = written.replace("\\", "/")
        if PurePosixPath(found).is_absolute() and Path(found).is_relative_to(folder.absolute()):
            found = Path(found).relative_to(folder.absolute()).as_posix()
        found = normpath(found)
        if not self.outside and (PurePosixPath(found).is_absolute() or found.startswith("..")):
            raise ValueError(
                f"{where}: {written!r} leads out of the table's folder; paths must be relative to "
                f"{folder} and stay in it, or the option outside = true of the data set allows it"
            )
        forms = (found, *(unicodedata.normalize(form, found) for form in ("NFC", "NFD")))
        return next((form for form in forms if _exists(folder / form)), found)

    def why_not(self, file: str) -> str:
        """Why a file cannot be read, in words; "": nothing speaks against it."""
        path = self.table.parent / file
        if not _exists(path):
            return "there is no such file"
        if not self.outside and not path.resolve().is_relative_to(self.table.parent.resolve()):
            return (
                "it is a link that leads out of the table's folder; the option outside = true of "
                "the data set allows it"
            )
        return why_no_image(path)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name longer than the file system allows
        return False
