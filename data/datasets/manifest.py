"""A CSV file that says what is known of each image.

    file,label,split,concept:striped,concept:beak/hooked,part:beak,mask:wing
    birds/a.jpg,finch,train,1,0,41 17.5,masks/a_wing.png
    birds/b.jpg,finch,test,0,,,

* `file` (the only column that must be there): the image, relative to the CSV's folder.
* `label`: its class; empty or no column: none.
* `split`: train, val, test (or another word for these, such as training, dev, holdout) or any
  further name, for every row; no column or all empty: 80/20 by a hash of the file's name.
* `concept:<name>` or `concept:<group>/<name>`: 1 shown, 0 not shown, empty unknown. Concepts of a
  group exclude each other. A concept whose group or name is also that of a part or mask is
  looked for there.
* `part:<name>`: the part's place as "x y" in pixels of the upright image; empty: not visible.
* `mask:<name>`: a mask image, relative to the CSV's folder; pixels that are not zero are inside.

UTF-8, one header line; separated by commas, semicolons, tabs or vertical bars. Words are stripped
and their accents composed. Paths may have backslashes and may not lead out of the CSV's folder
without the option `outside`. A file listed twice counts once; rows whose file is missing, masks
that cannot be read and columns of another name are left out and reported. Anything else that does
not fit is an error that names the row (the line of the file), the column and the value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool

from data.datasets.delimited import Row, read_table
from data.datasets.limit import limited
from data.datasets.listed import Listing
from data.datasets.split import Splits, hashed_splits, image_table, settled
from data.datasets.text import plain
from data.datasets.types import Dataset
from data.images import UnusableImage, open_mask, runs

_KINDS = ("concept:", "part:", "mask:")
_COLUMNS = "file, label, split, concept:<name>, concept:<group>/<name>, part:<name>, mask:<name>"


@dataclass
class _Contents:
    """What the rows gave so far; lists of rows keyed by file until the images have numbers."""

    images: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    concepts: list[tuple[str, int, bool]] = field(default_factory=list)
    parts: list[tuple[str, str, float, float, bool]] = field(default_factory=list)
    masks: list[tuple[str, str, int, int, list[int]]] = field(default_factory=list)


def manifest(path: str | Path, *, limit: int = 0, outside: bool = False) -> Dataset:
    """See the module's text for the layout. Raises ValueError as described there.

    `outside` lets paths and links lead out of the CSV's folder.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is not a file; give a CSV file with the columns {_COLUMNS}")
    table = read_table(path, needed="file", is_known=_is_known, known=_COLUMNS)
    header = table.header
    for column in header:
        if column in _KINDS:
            raise ValueError(f"{path}: column {column!r} names nothing after the colon")
    names = [column.removeprefix("concept:") for column in header if column.startswith("concept:")]
    contents = _Contents()
    for line, row in table.rows:
        _take(Listing(path, outside), line, row, names, contents)
    if not contents.images:
        first = f"; the first: {': '.join(contents.skipped[0])}" if contents.skipped else ""
        raise ValueError(f"{path} lists no image that exists below {path.parent}{first}")
    files = list(contents.images)
    labels = [label for label, _ in contents.images.values()]
    words = [split for _, split in contents.images.values()]
    if not all(words) and any(words):
        raise ValueError(
            f"{path}: {files[words.index('')]} has no split, but other rows have one; "
            "fill the column for every row or leave it out"
        )
    where = f"{path}, column 'split',"
    splits = settled(words, where) if any(words) else Splits(hashed_splits(files, labels), ())
    images = image_table(files, labels, splits.of_image)
    number = dict(zip(images["file"], images["image_id"], strict=True))

    def numbered(rows: Sequence[tuple], *columns: str) -> pd.DataFrame:
        table = pd.DataFrame([(number[r[0]], *r[1:]) for r in rows], columns=["image_id", *columns])
        return table.sort_values("image_id", kind="stable").reset_index(drop=True)

    groups = [name.split("/", 1) for name in names]
    places = {column.split(":", 1)[1] for column in header if column.startswith(_KINDS[1:])}
    dataset = Dataset(
        name=path.stem,
        root=path.parent,
        images=images,
        skipped=pd.DataFrame(contents.skipped, columns=["file", "reason"]),
        labelled=pd.DataFrame(
            {
                "labelled_id": range(len(names)),
                "name": [": ".join(words) for words in groups],
                "grouping": [words[0] if len(words) == 2 else None for words in groups],
                "part": [words[0] if words[0] in places else None for words in groups],
            }
        ),
        image_labels=numbered(contents.concepts, "labelled_id", "present"),
        parts=numbered(contents.parts, "part", "x", "y", "visible"),
        masks=numbered(contents.masks, "part", "height", "width", "runs"),
        remarks=(*table.remarks, *splits.remarks),
    )
    return limited(dataset, limit)


def _is_known(name: str) -> bool:
    return name in ("file", "label", "split") or name.startswith(_KINDS)


def _take(listing: Listing, line: int, row: Row, names: list[str], contents: _Contents) -> None:
    path, written = listing.table, row["file"].strip()
    if not written:
        raise ValueError(f"{path}, row {line}, column 'file': it is empty")
    file = listing.place(written, line=line, column="file")
    if file in contents.images:
        contents.skipped.append((file, f"listed again in row {line}; the first row counts"))
        return
    if reason_against := listing.why_not(file):
        contents.skipped.append((file, f"row {line} lists it, but {reason_against}"))
        return
    concepts = [
        (file, i, value == "1")
        for i, name in enumerate(names)
        if (value := _concept(path, line, f"concept:{name}", row)) != ""
    ]
    contents.images[file] = (plain(row.get("label", "")) or None, plain(row.get("split", "")))
    contents.concepts += concepts
    for column, value in row.items():
        if column.startswith("part:"):
            x, y, visible = _point(path, line, column, value)
            contents.parts.append((file, column.removeprefix("part:"), x, y, visible))
        if column.startswith("mask:") and value.strip():
            place = listing.place(value.strip(), line=line, column=column)
            try:
                mask = _mask(listing, place)
            except UnusableImage as reason:
                contents.skipped.append((place, f"mask of {file} left out: {reason}"))
                continue
            part = column.removeprefix("mask:")
            contents.masks.append((file, part, mask.shape[0], mask.shape[1], runs(mask)))


def _mask(listing: Listing, file: str) -> Bool[np.ndarray, "H W"]:
    reason = listing.why_not(file)
    if reason:
        raise UnusableImage(reason)
    return open_mask(listing.table.parent / file)


def _concept(path: Path, line: int, column: str, row: Row) -> str:
    value = row[column].strip().removesuffix(".0")  # as pandas writes a column with gaps
    if value not in ("", "0", "1"):
        raise ValueError(
            f"{path}, row {line}, column {column!r}: {value!r} is none of 1 (shown), 0 (not "
            "shown) and empty (unknown)"
        )
    return value


def _point(path: Path, line: int, column: str, value: str) -> tuple[float, float, bool]:
    if not value.strip():
        return float("nan"), float("nan"), False
    try:
        x, y = (float(word) for word in value.split())
    except ValueError:
        x = y = float("nan")
    if not (isfinite(x) and isfinite(y)):
        raise ValueError(
            f'{path}, row {line}, column {column!r}: {value!r} is not a place; write "x y" in '
            "pixels, or leave it empty when the part is not visible"
        )
    return x, y, True
