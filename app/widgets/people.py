"""What people added to the store: names beside its own, notes, and saved edits."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import streamlit as st

from app import db
from app.format import plain, short
from data.annotations import AnnotationError, Annotations, EditSet, Naming, open_annotations


class NotesFile(NamedTuple):
    """What a cached answer depends on: another session may have written meanwhile."""

    store: str
    modified: int
    """nanoseconds since 1970; 0: there is no file yet"""
    inode: int


def notes() -> Annotations:
    """Of the open store."""
    return open_annotations(Path(db.key().path))


def trouble() -> str | None:
    """Why nothing people said can be read, in words for people; None: all is well."""
    try:
        notes().edit_sets()
    except AnnotationError as error:
        return str(error)
    return None


def namings(bank: str) -> dict[int, Naming]:
    """By concept id; empty where the file cannot be read, which `trouble` tells."""
    try:
        return _namings(_notes_file(), bank)
    except AnnotationError:
        return {}


def names(bank: str) -> dict[int, str]:
    """Concept id -> the name people gave it."""
    return {k: found.name for k, found in namings(bank).items() if found.name}


def marks(bank: str) -> dict[int, str]:
    """Concept id -> name and bookmark, as plain text for lists."""
    return {
        k: " ".join(filter(None, ("★" if found.bookmark else "", found.name)))
        for k, found in namings(bank).items()
        if found.name or found.bookmark
    }


def matching(bank: str, search: str) -> list[int]:
    """Concepts whose name by people contains the words searched for."""
    wanted = search.strip().lower()
    return [k for k, name in names(bank).items() if wanted and wanted in name.lower()]


def edit_sets() -> list[EditSet]:
    """Empty where the file cannot be read, which `trouble` tells."""
    try:
        return notes().edit_sets()
    except AnnotationError:
        return []


def words(naming: Naming) -> str:
    """Markdown: the name, that people gave it, who and when."""
    parts = [f"**{plain(short(naming.name, 60))}**, named by people"] if naming.name else []
    if naming.bookmark:
        parts.append(":material/bookmark: bookmarked")
    if not parts:
        parts.append("Noted")
    by = f"{plain(short(naming.who, 40))}, " if naming.who else ""
    return " · ".join(parts) + f" ({by}{plain(naming.when[:10])})"


def _notes_file() -> NotesFile:
    store, path = db.key().path, notes().path
    if not path.is_file():
        return NotesFile(store, 0, 0)
    facts = path.stat()
    return NotesFile(store, facts.st_mtime_ns, facts.st_ino)


@st.cache_data(max_entries=64, show_spinner=False)
def _namings(file: NotesFile, bank: str) -> dict[int, Naming]:
    return open_annotations(Path(file.store)).names(bank)
