"""A table that says what is known of each image: CSV, XLSX (its first sheet) or Parquet.

    file,label,split,concept:striped,concept:beak/hooked,part:beak,mask:wing
    birds/a.jpg,finch,train,1,0,41 17.5,masks/a_wing.png
    birds/b.jpg,finch,test,0,,,

* `file` (the only column that must be there; the option `file` names another): the image, relative
  to the table's folder.
* `label`: its class; empty or no column: none.
* `label:<name>`, a column for each of several labels, of which an image can carry any number: 1,
  true, yes shown; 0, false, no absent; -1 uncertain, which counts as unknown; empty unknown. Or
  `labels`, a column of lists: "A|B", "A;B", ["A", "B"]; empty unknown, [] and "No Finding" none.
  The option `labels` names other columns, or one, for either.
* `split`: train, val, test (or another word for these, such as training, dev, holdout) or any
  further name, for every row; no column or all empty: 80/20 by a hash of the file's name.
* `concept:<name>` or `concept:<group>/<name>`: 1 shown, 0 not shown, empty unknown. Concepts of a
  group exclude each other. A concept whose group or name is also that of a part or mask is
  looked for there.
* `part:<name>`: the part's place as "x y" in pixels of the upright image; empty: not visible.
* `mask:<name>`: a mask image, relative to the table's folder; pixels that are not zero are inside.

Text is UTF-8 with one header line, separated by commas, semicolons, tabs or vertical bars. Words
are stripped and their accents composed, and names of columns may have capitals. Paths may have
backslashes and may not lead out of the table's folder without the option `outside`. A file listed
twice counts once; rows whose file is missing, masks that cannot be read and columns of another name
are left out and reported. Columns that may be labels or may not are an error that names the option
which says it; anything else that does not fit is an error that names the row (the line of the
file), the column and the value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Bool

from data.datasets.delimited import Row, read_table
from data.datasets.label_columns import EACH, Asked, LabelColumns, choose, marks_of
from data.datasets.limit import limited
from data.datasets.listed import Listing
from data.datasets.multi_label import (
    Marks,
    carried_table,
    rarest,
    remarks_on,
)
from data.datasets.split import Splits, hashed_splits, image_table, settled
from data.datasets.text import plain
from data.datasets.types import Dataset
from data.images import UnusableImage, open_mask, runs

_KINDS = ("concept:", "part:", "mask:")
_COLUMNS = (
    "file, label, labels, label:<name>, split, concept:<name>, concept:<group>/<name>, "
    "part:<name>, mask:<name>"
)


@dataclass
class _Contents:
    """What the rows gave so far; lists of rows keyed by file until the images have numbers."""

    images: dict[str, tuple[str | None, str]] = field(default_factory=dict)
    marks: dict[str, Marks] = field(default_factory=dict)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    concepts: list[tuple[str, int, bool]] = field(default_factory=list)
    parts: list[tuple[str, str, float, float, bool]] = field(default_factory=list)
    masks: list[tuple[str, str, int, int, list[int]]] = field(default_factory=list)


def manifest(
    path: str | Path,
    *,
    limit: int = 0,
    outside: bool = False,
    file: str = "file",
    label: str = "",
    labels: str | Sequence[str] | None = None,
    separator: str = "",
) -> Dataset:
    """See the module's text for the layout. Raises ValueError as described there.

    `outside` lets paths and links lead out of the table's folder. `file` names the column of paths,
    `label` that of one class an image. `labels` names the columns of 1 and 0, or the one of lists,
    that make a multi-label set; "none" leaves all labels out. `separator` stands between labels in
    a list.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is not a file; give a CSV file with the columns {_COLUMNS}")
    asked = Asked(label, labels, separator)
    known = f"{_COLUMNS}; the option file names another column of paths"
    table = read_table(path, needed=file, is_known=_known(file, asked), known=known)
    header = table.header
    for column in header:
        if column in (*_KINDS, EACH):
            raise ValueError(f"{path}: column {column!r} names nothing after the colon")
    columns = choose(path, table, asked, needed=file)
    names = [column.removeprefix("concept:") for column in header if column.startswith("concept:")]
    contents = _Contents()
    taking = _Taking(Listing(path, outside), file, columns.single, names)
    said = marks_of(path, table.rows, columns, asked) if columns.several else [{}] * len(table.rows)
    for (line, row), marked in zip(table.rows, said, strict=True):
        _take(taking, line, row, marked, contents)
    if not contents.images:
        first = f"; the first: {': '.join(contents.skipped[0])}" if contents.skipped else ""
        raise ValueError(f"{path} lists no image that exists below {path.parent}{first}")
    files = list(contents.images)
    classes: list[str | None] = [one for one, _ in contents.images.values()]
    words = [split for _, split in contents.images.values()]
    of_files = [contents.marks[one] for one in files]
    spread = rarest(of_files) if columns.several else classes
    if not all(words) and any(words):
        raise ValueError(
            f"{path}: {files[words.index('')]} has no split, but other rows have one; "
            "fill the column for every row or leave it out"
        )
    where = f"{path}, column 'split',"
    splits = settled(words, where) if any(words) else Splits(hashed_splits(files, spread), ())
    images = image_table(files, classes, splits.of_image)
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
        labels=_names(columns, of_files),
        carried=carried_table({number[one]: contents.marks[one] for one in files}),
        remarks=(*table.remarks, *splits.remarks, *remarks_on(of_files)),
    )
    return limited(dataset, limit)


def _known(file: str, asked: Asked) -> Callable[[str], bool]:
    named = {file, "split", *asked.names}

    def known(name: str) -> bool:
        return name in named or name.startswith((*_KINDS, EACH))

    return known


def _names(columns: LabelColumns, marked: Sequence[Marks]) -> tuple[str, ...]:
    return tuple(sorted(columns.each or {label for one in marked for label in one}))


@dataclass(frozen=True)
class _Taking:
    """How rows are read."""

    listing: Listing
    file: str
    """column of paths"""
    label: str
    """column of one class; "": none"""
    names: list[str]
    """of the concepts"""


def _take(taking: _Taking, line: int, row: Row, marked: Marks, contents: _Contents) -> None:
    listing, names = taking.listing, taking.names
    path, written = listing.table, row[taking.file].strip()
    if not written:
        raise ValueError(f"{path}, row {line}, column {taking.file!r}: it is empty")
    file = listing.place(written, line=line, column=taking.file)
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
    own = plain(row[taking.label]) if taking.label else ""
    contents.images[file] = (own or None, plain(row.get("split", "")))
    contents.marks[file] = marked
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
