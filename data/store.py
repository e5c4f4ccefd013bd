"""The store: one immutable DuckDB file per build, named by its content, published by rename."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from data import lock

SCHEMA_VERSION = 7
SCHEMA = Path(__file__).with_name("schema.sql")
ARTIFACTS = Path(__file__).with_name("artifacts")
BUILDING = ".building"
BLOCK = 32_768
"""bytes; DuckDB's own 256 KiB makes a store of 500 images a third larger"""

_LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": "false",
    "lock_configuration": "true",
    "python_enable_replacements": "false",
}


Check = Callable[[duckdb.DuckDBPyConnection], None]
Tell = Callable[[str], object]


class StoreError(ValueError):
    """A file that cannot be read as a store; the message says why and what to do."""


def _silent(sentence: str) -> None:
    del sentence


def path_for(name: str, fingerprint: str, *, out: Path = ARTIFACTS) -> Path:
    return out / f"{name}-{fingerprint}.duckdb"


@contextmanager
def build(
    path: Path, check: Check | None = None, *, tell: Tell = _silent
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A fresh database at `path`, or nothing: a failed build leaves no store to find.

    Raises FileExistsError when the path is taken: a store is never rewritten, because a process
    that has the old file open would go on reading its bytes. `check` and `tell` as in `_whole`.
    """
    with _whole(path, check, tell) as partial:
        con = duckdb.connect(str(partial), config={"default_block_size": str(BLOCK)})
        with con:
            # DuckDB would checkpoint every 16 MB, rewrite half-full blocks and leave a third of the
            # file free; one checkpoint at the end writes each block once
            con.execute("SET checkpoint_threshold = '1 TB'")
            con.execute(SCHEMA.read_text(encoding="utf-8"))
            yield con
            con.execute("CHECKPOINT")


@contextmanager
def altered(
    source: Path, path: Path, check: Check | None = None, *, tell: Tell = _silent
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A copy of a store to change, at `path` once it is whole; `source` stays as it is.

    Raises FileExistsError when the path is taken, StoreError when `source` is no store. `check`
    and `tell` as in `_whole`.
    """
    open_readonly(source).close()
    with _whole(path, check, tell) as partial:
        shutil.copyfile(source, partial)
        with duckdb.connect(str(partial)) as con:
            yield con
            con.execute("CHECKPOINT")


@contextmanager
def _whole(path: Path, check: Check | None, tell: Tell) -> Iterator[Path]:
    """A name beside `path` to write under, which becomes `path` when all is written and right.

    `check` is asked last, with what was written open for reading; what it raises ends the build.
    `tell` hears of another process that writes the same store, which is waited for.
    """
    with lock.alone(path, f"writes {path.name}", tell):
        if path.exists():
            raise FileExistsError(f"{path} is already built; delete it to build it again")
        partial = path.with_name(path.name + BUILDING)
        forget(partial)
        try:
            yield partial
            if check is not None:
                with duckdb.connect(str(partial), read_only=True, config=_LOCKED) as con:
                    check(con)
            os.replace(partial, path)
        finally:
            forget(partial)


def forget(partial: Path) -> None:
    """Deletes an unfinished store and what DuckDB keeps beside one that it writes."""
    partial.unlink(missing_ok=True)
    partial.with_name(partial.name + ".wal").unlink(missing_ok=True)
    shutil.rmtree(partial.with_name(partial.name + ".tmp"), ignore_errors=True)


def open_readonly(path: Path) -> duckdb.DuckDBPyConnection:
    """Read-only and locked down: no other file can be read or attached through it.

    Raises StoreError, in words for the person who chose the file.
    """
    if path.name.endswith(BUILDING):
        raise StoreError(f"{path.name} is still being built; open it when the build has finished")
    if not path.exists():
        partial = path.with_name(path.name + BUILDING)
        if partial.exists():
            raise StoreError(f"{path.name} is still being built; open it when it has finished")
        raise StoreError(f"there is no store at {path}; build one with `python -m precompute demo`")
    try:
        con = duckdb.connect(str(path), read_only=True, config=_LOCKED)
    except duckdb.Error as error:
        if "set lock" in str(error).lower():
            raise StoreError(
                f"{path.name} is open for writing in another process; close that one first"
            ) from error
        raise StoreError(f"{path.name} is not a DuckDB file, or is damaged: {error}") from error
    try:
        _check_version(con, path)
    except StoreError:
        con.close()
        raise
    return con


def _check_version(con: duckdb.DuckDBPyConnection, path: Path) -> None:
    try:
        rows = con.execute("SELECT schema_version FROM build").fetchall()
    except duckdb.Error as error:
        raise StoreError(
            f"{path.name} is a DuckDB file but not a store: it has no table `build`"
        ) from error
    if len(rows) != 1:
        raise StoreError(f"{path.name} was not finished: its table `build` has {len(rows)} rows")
    version = rows[0][0]
    if version != SCHEMA_VERSION:
        raise StoreError(
            f"{path.name} has schema version {version}, this program reads {SCHEMA_VERSION}; "
            "build it again with `python -m precompute run RECIPE`"
        )


def stores(folder: Path = ARTIFACTS) -> list[Path]:
    """Finished stores of a folder, the newest first."""
    found = [p for p in folder.glob("*.duckdb") if p.is_file()]
    return sorted(found, key=lambda p: (-p.stat().st_mtime, p.name))


def unfinished(folder: Path = ARTIFACTS) -> list[Path]:
    """Stores of a folder that are being built, or whose build stopped."""
    return sorted(folder.glob(f"*.duckdb{BUILDING}"))
