"""Shards: the unit of work. A range of images in, a folder of files out, renamed when whole.

One mechanism gives resume after a kill (a folder whose files are all there is finished), progress
with an ETA, bounded memory, and a function that an engine may run anywhere.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from data import progress

FACTS = "facts.json"
_SIZES = "bytes"
"""the fact that says how long each file is"""


@contextmanager
def publish(folder: Path) -> Iterator[Path]:
    """A fresh folder to write into; it takes its name only when the block ends without error."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    yield partial
    shutil.rmtree(folder, ignore_errors=True)  # there is one only if it is not whole
    os.replace(partial, folder)


def run_shards(
    name: str,
    folders: Sequence[Path],
    work: Callable[[int, Path], dict[str, Any]],
    *,
    units: Sequence[int],
    unit: str = "images",
) -> float:
    """Work every shard that is not there yet, with a progress bar; returns seconds of all.

    `work(i, folder)` writes shard i into folder and returns facts about it, stored beside its
    files. Seconds of shards finished by an earlier run are counted as that run measured them.
    """
    bar = tqdm(total=sum(units), desc=f"{name:<24}", unit=f" {unit}", smoothing=0.1)
    progress.step(name.strip(), 0, sum(units), unit)
    with bar:
        for i, folder in enumerate(folders):
            if not is_whole(folder):
                started = time.perf_counter()
                with publish(folder) as partial:
                    facts = work(i, partial)
                    facts["seconds"] = time.perf_counter() - started
                    put_facts(partial, facts)
            bar.update(units[i])
            progress.step(name.strip(), sum(units[: i + 1]), sum(units), unit)
    return float(sum(facts_of(folder)["seconds"] for folder in folders))


def is_whole(folder: Path) -> bool:
    """Whether a folder was published with facts and holds every file as long as it was then."""
    try:
        sizes = facts_of(folder)[_SIZES]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False


def put_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Writes them beside the files that a shard is made of, last of all, with the files' sizes."""
    sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    (folder / FACTS).write_text(json.dumps(facts | {_SIZES: sizes}))


def tell(sentence: str) -> None:
    """To the person who waits, between progress bars."""
    tqdm.write(sentence, file=sys.stderr)
    progress.note(sentence)


def facts_of(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / FACTS).read_text())
    return facts
