"""A data set of the Hugging Face library `datasets`, which has to be installed.

It is a folder written by `save_to_disk`, a Parquet file, a folder of what that library reads
(Parquet above all), or the name of a data set on the hub.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from core.kinds import TRAIN
from data import lock, progress
from data.datasets.huggingface_columns import Columns, columns_of, namer
from data.datasets.types import Dataset
from data.datasets.unpacked import Held, Source, home, safe, unpacked
from data.images import UnusableImage

_OLDEST = 4
"""major version of the library; earlier ones may run programs that lie in a data set"""
_REASON = 600
"""characters of what the library says that are told on"""
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


def huggingface(
    path: str | Path,
    *,
    work: Path,
    limit: int = 0,
    image: str = "",
    label: str = "",
    config: str = "",
    stream: bool = False,
) -> Dataset:
    """Images of a local folder or file, or of a hub name such as "owner/name".

    `image` and `label` name the columns; left out, they are the only column of the type Image and
    the only one of the type ClassLabel. A label may also be text, a whole number or yes and no; -1
    in a ClassLabel is no label. A column of lists of ClassLabel makes a multi-label set, and so
    does one that `label` names of lists of texts, or of 1 and 0 for what the label says after "=",
    as in "findings=Edema,Effusion"; a row without a list is unknown, an empty list no label.
    `config` names one of several parts that the data set is offered in. Splits are the data set's
    own. With `stream` no more is fetched than the first images of every split, `limit` in all.

    Images keep their bytes and are written below `work`; those that are files below the data set's
    folder, or in the library's own folder of downloads, are read there. Raises ValueError where
    the package is missing, where there is nothing to open, for columns that are not there or of
    another type, and where several could be meant, with the columns that there are.
    """
    library = _library()
    if stream and not limit:
        raise ValueError("stream = true fetches the first images alone; say how many with limit")
    place = str(path)
    local = Path(path).exists()
    if not local and not _HUB_NAME.fullmatch(place):
        raise ValueError(f"{place} does not exist, and it is no name on the hub (OWNER/NAME)")
    with _cache(work) as cache:
        splits = _opened(library, Path(path), config, stream, cache if local else None)
        first = next(iter(splits.values()))
        if first.features is None:
            raise ValueError(f"{place}: its columns are not known before it is read; leave stream")
        columns = columns_of(library, first.features, place, image, label)
        name = Path(path).resolve().name if local else Path(path).name
        roots = [Path(path).resolve()] if local else _downloads(library)
        most = -(-limit // len(splits)) if stream else 0
        held = [
            one
            for split, rows in splits.items()
            for one in _held(library, rows, split, columns, roots, most=most)
        ]
        remarks = columns.remarks
        if stream:
            remarks += (
                f"streamed: the first {most:,} images of each split, whichever classes they show",
            )
        where = home(work, name, str(Path(path).resolve()) if local else place)
        source = Source(name, place, where, held, (), remarks, columns.several, columns.names)
        return unpacked(source, limit=limit)


@contextmanager
def _cache(work: Path) -> Iterator[str]:
    """A folder for what the library prepares, gone at the end; locked as long as it is there."""
    folder = work / f"opening-{os.getpid()}"
    with lock.alone(folder, "opens a data set", progress.note):
        folder.mkdir(exist_ok=True)
        try:
            yield str(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _library() -> Any:
    try:
        import datasets as library
    except ImportError as error:
        raise ValueError(
            "this reader needs the package datasets, which is missing: pip install datasets"
        ) from error
    if int(library.__version__.split(".")[0]) < _OLDEST:
        raise ValueError(
            f"this reader needs the package datasets {_OLDEST} or newer, not "
            f"{library.__version__}: pip install -U datasets"
        )
    library.config.HF_UPDATE_DOWNLOAD_COUNTS = False  # else opening a file here is told to a server
    return library


def _opened(
    library: Any, path: Path, config: str, stream: bool, cache: str | None
) -> Mapping[str, Any]:
    """The word of each split ("": none) to its rows."""
    options = {"streaming": stream, "cache_dir": cache}
    try:
        if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
            if stream:
                raise ValueError("it was written by save_to_disk and lies here; leave out stream")
            found = library.load_from_disk(str(path))
        elif path.is_file():
            files = {TRAIN: str(path)}
            found = library.load_dataset("parquet", data_files=files, **options)
        else:
            name = str(path.resolve()) if path.exists() else path.as_posix()
            found = library.load_dataset(name, config or None, **options)
    except Exception as error:  # of many kinds, some of them the library's own
        reason = " ".join(str(error).split())[:_REASON] or type(error).__name__
        hint = "; the option config names one" if "onfig name is missing" in reason else ""
        what = "" if path.exists() else "is no file or folder here, and "
        raise ValueError(f"{path} {what}could not be opened by datasets: {reason}{hint}") from error
    if isinstance(found, Mapping):
        if not found:
            raise ValueError(f"{path} holds no split")
        return {str(split): rows.with_format(None) for split, rows in found.items()}
    split = re.sub(r"\[.*", "", str(found.split or ""))  # of train[:100] as well
    return {"" if "+" in split else split: found.with_format(None)}


def _downloads(library: Any) -> list[Path]:
    """Where the library and the hub's client keep what they fetched."""
    from huggingface_hub.constants import HF_HUB_CACHE

    return [Path(HF_HUB_CACHE).resolve(), Path(library.config.HF_DATASETS_CACHE).resolve()]


def _held(
    library: Any, rows: Any, split: str, columns: Columns, roots: list[Path], *, most: int
) -> Iterator[Held]:
    """The images of one split; of a stream the first `most`."""
    named = namer(library, rows.features, columns)
    wanted = [columns.image, *([columns.label] if columns.label else [])]
    rows = rows.select_columns(wanted).cast_column(columns.image, library.Image(decode=False))
    folder = safe(split or "images")
    if most:
        for i, row in enumerate(rows.take(most)):
            read = partial(_content, row[columns.image], roots)
            label, several = named(row.get(columns.label))
            yield Held(f"{folder}/{i:07d}", label, split, read, several)
        return
    pictures = rows.select_columns([columns.image])
    labels = rows.select_columns([columns.label])[:][columns.label] if columns.label else None
    for i in range(len(rows)):
        label, several = named(labels[i]) if labels else (None, None)
        read = partial(_content_at, pictures, i, columns.image, roots)
        yield Held(f"{folder}/{i:07d}", label, split, read, several)


def _content_at(rows: Any, i: int, column: str, roots: list[Path]) -> bytes | Path:
    return _content(rows[i][column], roots)


def _content(value: Any, roots: list[Path]) -> bytes | Path:
    """Raises UnusableImage for a row without an image and for a path out of the data set."""
    if value is None or (value["bytes"] is None and not value["path"]):
        raise UnusableImage("the row has no image")
    if value["bytes"] is not None:
        return value["bytes"]
    if "://" in value["path"]:
        raise UnusableImage("the row holds an address in place of the image; leave out stream")
    try:
        inside = [
            p for root in roots if (p := (root / value["path"]).resolve()).is_relative_to(root)
        ]
        if not inside:
            raise UnusableImage("the row holds a path that leads out of the data set's folder")
        return next(path for path in inside if path.exists())
    except (OSError, StopIteration) as error:
        raise UnusableImage("the row holds the path of a file that is not there") from error
