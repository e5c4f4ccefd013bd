"""What builds that stopped leave on disk, and how to say that the disk is full."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data import lock, store
from data.datasets import UNPACKED
from data.room import no_room

_COPIES = "corrupted-"
"""begins the name of a folder of altered images, which several builds may read"""


@dataclass(frozen=True)
class Leftover:
    path: Path
    what: str
    n_bytes: int


def leftovers(out: Path) -> list[Leftover]:
    """What lies below `out` and is no store, no model and no drawn data set, and that no process
    is using now: unfinished stores, models and data sets, folders of work, and images that were
    read out of larger files, which a build would read again.

    Work that --keep-work kept for further recipes is among them: nothing tells it apart.
    """
    stores = [
        Leftover(path, "unfinished store", _size(path))
        for path in store.unfinished(out)
        if not lock.holder(path.with_name(path.name.removesuffix(store.BUILDING)))
    ]
    folders = sorted(p for p in (out / "work").glob("*") if p.is_dir())
    held = {path for path in folders if lock.holder(path)}
    idle = [p for p in folders if not (held if p.name.startswith(_COPIES) else p in held)]
    work = [Leftover(path, "work of builds", _size(path)) for path in idle]
    models = [
        Leftover(path, "unfinished model", _size(path))
        for path in sorted((out / "models").glob(f".*{store.BUILDING}"))
        if not lock.holder(path.with_name(path.name[1:].removesuffix(store.BUILDING)))
    ]
    drawn = [
        Leftover(path, "unfinished data set", _size(path))
        for path in sorted((out / "aviary").glob(".aviary-*"))
        if path.is_dir() and not lock.holder(path)
    ]
    unpacked = [
        Leftover(path, "images read out", _size(path))
        for path in sorted((out / UNPACKED).glob("*"))
        if path.is_dir() and not (lock.holder(path) or lock.users(path))
    ]
    return stores + work + models + drawn + unpacked


def remove(found: Leftover, tell: Callable[[str], object]) -> None:
    """Deletes it; where a process has begun to write it meanwhile, as `tell` hears, after that.

    Images that a process has begun to use meanwhile stay.
    """
    if found.path.name.endswith(store.BUILDING) and found.path.is_file():
        target = found.path.with_name(found.path.name.removesuffix(store.BUILDING))
        with lock.alone(target, f"writes {target.name}", tell):
            store.forget(found.path)
        return
    with lock.alone(found.path, "uses this folder", tell):
        if lock.users(found.path):
            tell(f"{found.path} stays, since a process has begun to use it")
            return
        shutil.rmtree(found.path, ignore_errors=True)


def full(error: Exception, out: Path) -> str:
    """In a sentence, that `error` comes of a full disk below `out`; "" where it does not."""
    if not no_room(error):
        return ""
    place = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(place).free / 1e6
    return (
        f"the disk that holds {out} is full ({free:,.1f} MB are free now). Free some, or name "
        "another folder with --out; what is done so far is kept, and the same command goes on "
        f"from there. (Nothing could be written: {str(error).splitlines()[0]})"
    )


def _size(path: Path) -> int:
    files = [path, path.with_name(path.name + ".wal")] if path.is_file() else path.rglob("*")
    return sum(file.stat().st_size for file in files if file.is_file())
