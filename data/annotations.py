"""What people add to a store: names of concepts, notes, bookmarks and saved edits.

A store is immutable, so this lives beside it, in `<store stem>.annotations.json`. Several browser
sessions, or several servers, may write at once: a writer takes a lock, reads what the file then
holds, changes that, and renames a new file into its place. A reader therefore never sees half of
it, and no one's words are lost. What the store itself says is never touched.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

FORMAT = 1
SUFFIX = ".annotations.json"
LONGEST_NAME, LONGEST_NOTE, LONGEST_QUERY = 80, 2000, 8000
MOST_SETS = 500
_WAIT = 5.0
"""seconds for another writer to finish"""
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""invisible characters, those that turn the direction of text included"""


class AnnotationError(ValueError):
    """Cannot be read or written; the message says why and what to do."""


@dataclass(frozen=True)
class Naming:
    """What people say of a concept, beside the store's own name."""

    name: str
    note: str
    bookmark: bool
    who: str
    when: str
    """UTC, ISO 8601 to the second"""


@dataclass(frozen=True)
class EditSet:
    name: str
    query: dict[str, str]
    """of the page's address, the store left out"""
    who: str
    when: str


@dataclass(frozen=True)
class Annotations:
    path: Path
    store: str

    def names(self, bank: str) -> dict[int, Naming]:
        """By concept id. Raises AnnotationError for a file that is broken or cannot be read."""
        return {int(k): Naming(**v) for k, v in self._read()["names"].get(bank, {}).items()}

    def edit_sets(self) -> list[EditSet]:
        """In order of name. Raises AnnotationError."""
        found = [EditSet(**v) for v in self._read()["edit_sets"].values()]
        return sorted(found, key=lambda s: (s.name.lower(), s.name))

    def set_name(
        self,
        bank: str,
        concept_id: int,
        *,
        name: str,
        note: str = "",
        bookmark: bool = False,
        who: str = "",
    ) -> None:
        """Replaces what was said before; with all three empty it is taken back.

        Raises AnnotationError.
        """
        found = Naming(
            _line(name, LONGEST_NAME), _text(note), bool(bookmark), _line(who, 60), _now()
        )

        def change(held: dict[str, Any]) -> None:
            of_bank = held["names"].setdefault(bank, {})
            if found.name or found.note or found.bookmark:
                of_bank[str(int(concept_id))] = asdict(found)
            else:
                of_bank.pop(str(int(concept_id)), None)

        self._change(change)

    def save_edit_set(self, name: str, query: Mapping[str, str], *, who: str = "") -> None:
        """One of the same name is replaced. Raises AnnotationError, also without a name."""
        title = _line(name, LONGEST_NAME)
        if not title:
            raise AnnotationError("an edit set needs a name; give it one to find it again by")
        kept = {str(k): str(v) for k, v in query.items()}
        if sum(len(k) + len(v) for k, v in kept.items()) > LONGEST_QUERY:
            raise AnnotationError(
                f"this edit is longer than the {LONGEST_QUERY:,} characters that are kept; "
                "download it as JSON instead"
            )

        def change(held: dict[str, Any]) -> None:
            sets = held["edit_sets"]
            if title not in sets and len(sets) >= MOST_SETS:
                raise AnnotationError(
                    f"{self.path.name} holds {MOST_SETS} edit sets; delete one to save another"
                )
            sets[title] = asdict(EditSet(title, kept, _line(who, 60), _now()))

        self._change(change)

    def delete_edit_set(self, name: str) -> None:
        """Nothing happens where there is none. Raises AnnotationError."""
        self._change(lambda held: held["edit_sets"].pop(name, None))

    def _read(self) -> dict[str, Any]:
        try:
            text = self.path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return {"format": FORMAT, "store": self.store, "names": {}, "edit_sets": {}}
        except (OSError, UnicodeDecodeError) as error:
            raise AnnotationError(f"{self.path.name} cannot be read: {error}") from error
        try:
            held = json.loads(text)
            _check(held)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            reason = (str(error) or type(error).__name__).splitlines()[0][:120]
            raise AnnotationError(
                f"{self.path.name}, which holds people's names and edit sets, is damaged "
                f"({reason}); repair it or move it away, then new ones can be saved"
            ) from error
        return dict(held)

    def _change(self, change: Callable[[dict[str, Any]], object]) -> None:
        lock = FileLock(self.path.with_name(self.path.name + ".lock"), timeout=_WAIT)
        partial = self.path.with_name(f"{self.path.name}.{os.getpid()}.partial")
        try:
            with lock:
                held = self._read()
                change(held)
                try:
                    with partial.open("w", encoding="utf-8") as file:
                        json.dump(held, file, indent=1, ensure_ascii=False)
                        file.flush()
                        os.fsync(file.fileno())
                    os.replace(partial, self.path)
                finally:
                    with suppress(OSError):
                        partial.unlink(missing_ok=True)
        except Timeout as error:
            raise AnnotationError(
                f"another program holds {self.path.name} for more than {_WAIT:g} s; try again"
            ) from error
        except OSError as error:
            raise AnnotationError(
                f"nothing can be saved beside the store, in {self.path.name}: "
                f"{error.strerror or error}; make its folder writable, or download instead"
            ) from error


def open_annotations(store_path: Path) -> Annotations:
    """Those of a store; neither needs to exist, and nothing is created before the first change."""
    return Annotations(store_path.with_name(store_path.stem + SUFFIX), store_path.stem)


def _check(held: Any) -> None:
    """Raises where the content is not what this program writes."""
    if held["format"] != FORMAT:
        raise ValueError(f"format {held['format']!r}, this program reads {FORMAT}")
    for of_bank in held["names"].values():
        for concept, entry in of_bank.items():
            int(concept)
            found = Naming(**entry)
            texts = (found.name, found.note, found.who, found.when)
            if not all(isinstance(t, str) for t in texts) or not isinstance(found.bookmark, bool):
                raise ValueError(f"concept {concept} is not described in words")
    for name, entry in held["edit_sets"].items():
        found_set = EditSet(**entry)
        query = found_set.query
        said = (found_set.name, found_set.who, found_set.when, *query, *query.values())
        if not all(isinstance(t, str) for t in said):
            raise ValueError(f"edit set {name[:40]!r} is not an address")


def _line(text: str, limit: int) -> str:
    return " ".join(_CONTROL.sub(" ", text).split())[:limit].strip()


def _text(text: str) -> str:
    return _CONTROL.sub("", text.replace("\r\n", "\n")).strip()[:LONGEST_NOTE]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
