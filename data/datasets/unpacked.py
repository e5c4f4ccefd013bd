"""Images that lie in no file of their own, written out, so that all that follows reads files."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from core.kinds import TRAIN
from data import lock, progress
from data.datasets.limit import spread
from data.datasets.multi_label import Listed, carried_table, filled, rarest
from data.datasets.split import Splits, hashed_splits, image_table, settled
from data.datasets.types import Dataset
from data.images import UnusableImage, format_of

_TOLD = 200
"""images between two words on how far it is"""


@dataclass(frozen=True)
class Held:
    """One image within a larger file."""

    file: str
    """what it will be called: relative, forward slashes, without an ending"""
    label: str | None
    split: str
    """the word that stands for it; "": none"""
    read: Callable[[], bytes | Path]
    """its bytes as they are, or the file that it is; raises UnusableImage with the reason"""
    listed: Listed = None
    """labels that it carries, in a multi-label set"""


@dataclass(frozen=True)
class Source:
    """What the images come from."""

    name: str
    """of the data set"""
    place: str
    """where it is, for errors"""
    folder: Path
    """where its images are written"""
    held: Sequence[Held]
    skipped: Sequence[tuple[str, str]] = ()
    remarks: Sequence[str] = ()
    several: bool = False
    """whether an image can carry several labels, so that `Held.listed` counts and not its label"""
    names: Sequence[str] = ()
    """all labels of a multi-label set; (): those that some image carries"""


def home(work: Path, name: str, place: str) -> Path:
    """The folder below `work` for the images of one source."""
    return work / f"{safe(name)}-{hashlib.sha256(place.encode()).hexdigest()[:12]}"


def safe(name: str) -> str:
    """`name` as one part of a path."""
    return re.sub(r"[^\w.-]+", "_", name).lstrip(".")[:100] or "_"


def unpacked(source: Source, *, limit: int) -> Dataset:
    """The data set of at most `limit` images (0: all), each with its bytes as they are.

    Splits are the source's own words; where it has none, or train alone, 80/20 by a hash of the
    name. A file that is there with the same content is left as it is. The command `clean` leaves
    the folder alone as long as this process runs. Raises ValueError for words
    of splits that cannot be used, and where no image is left.
    """
    lock.use(source.folder, progress.note)
    marked = filled([one.listed for one in source.held], source.names) if source.several else []
    labels = [one.label for one in source.held]
    spread_by = rarest(marked) if source.several else labels
    words = [one.split for one in source.held]
    splits = settled(words, source.place) if any(words) else Splits([TRAIN] * len(words), ())
    of_image = splits.of_image
    if set(of_image) == {TRAIN}:
        of_image = hashed_splits([one.file for one in source.held], spread_by)
    files: dict[str, int] = {}
    skipped = list(source.skipped)
    elsewhere = {}
    keep = spread(of_image, spread_by, limit=limit)
    for done, i in enumerate(keep):
        if done % _TOLD == 0:
            progress.step("read images", done, len(keep), "images")
        one = source.held[i]
        try:
            content = one.read()
        except UnusableImage as reason:
            skipped.append((one.file, str(reason)))
            continue
        if isinstance(content, Path):
            file = one.file + content.suffix
            elsewhere[file] = content
        else:
            file = one.file + _ending(content)
            _write(source.folder / file, content)
        files[file] = i
    if not files:
        reasons = "".join(f"; {file}: {reason}" for file, reason in skipped[:3])
        raise ValueError(f"{source.place} holds no image that can be used{reasons}")
    images = image_table(
        list(files), [labels[i] for i in files.values()], [of_image[i] for i in files.values()]
    )
    number = dict(zip(images["file"], images["image_id"], strict=True))
    shown = {number[file]: marked[i] for file, i in files.items()} if source.several else {}
    return Dataset(
        name=source.name,
        root=source.folder,
        images=images,
        labels=tuple(sorted({name for marks in marked for name in marks})),
        carried=carried_table(shown),
        skipped=pd.DataFrame(skipped, columns=["file", "reason"], dtype=object),
        elsewhere=elsewhere,
        remarks=(*source.remarks, *splits.remarks),
    )


def _ending(content: bytes) -> str:
    kind = format_of(content)
    return "." + kind.lower().replace(" ", "") if kind else ""


def _write(path: Path, content: bytes) -> None:
    """Under another name first, so that it is whole for another build that reads it."""
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    making = path.with_name(f".{path.name}.{os.getpid()}")
    making.write_bytes(content)
    os.replace(making, path)
