"""A CSV file that says what is known of each image.

    file,label,split,concept:striped,concept:beak/hooked,part:beak,mask:wing
    birds/a.jpg,finch,train,1,0,41 17.5,masks/a_wing.png
    birds/b.jpg,finch,test,0,,,

* `file` (the only column that must be there): the image, relative to the CSV's folder.
* `label`: its class; empty or no column: none.
* `split`: train, test or any further name, for every row; no column or all empty: 80/20 by a hash
  of the file's name.
* `concept:<name>` or `concept:<group>/<name>`: 1 shown, 0 not shown, empty unknown. Concepts of a
  group exclude each other. A concept whose group or name is also that of a part or mask is
  looked for there.
* `part:<name>`: the part's place as "x y" in pixels of the upright image; empty: not visible.
* `mask:<name>`: a mask image, relative to the CSV's folder; pixels that are not zero are inside.

UTF-8, commas, one header line. A file listed twice counts once; rows whose file is missing and
masks that cannot be read are left out and reported. Anything else that does not fit is an error
that names the row (the line of the file), the column and the value.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

import pandas as pd

from data.datasets.limit import limited
from data.datasets.split import hashed_splits, image_table
from data.datasets.types import Dataset
from data.images import UnusableImage, open_mask, runs

Row = dict[str, str]
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


def manifest(path: str | Path, *, limit: int = 0) -> Dataset:
    """See the module's text for the layout. Raises ValueError as described there."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path} is not a file; give a CSV file with the columns {_COLUMNS}")
    header, rows = _rows(path)
    names = [column.removeprefix("concept:") for column in header if column.startswith("concept:")]
    contents = _Contents()
    for line, row in rows:
        _take(path, line, row, names, contents)
    if not contents.images:
        raise ValueError(f"{path} lists no image that exists below {path.parent}")
    files = list(contents.images)
    labels = [label for label, _ in contents.images.values()]
    splits = [split for _, split in contents.images.values()]
    if not any(splits):
        splits = hashed_splits(files, labels)
    elif not all(splits):
        raise ValueError(
            f"{path}: {files[splits.index('')]} has no split, but other rows have one; "
            "fill the column for every row or leave it out"
        )
    images = image_table(files, labels, splits)
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
    )
    return limited(dataset, limit)


def _rows(path: Path) -> tuple[list[str], list[tuple[int, Row]]]:
    """Header and (line number, row); lines of blanks are passed over."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            lines = csv.reader(handle, strict=True)
            header = [name.strip() for name in next(lines, [])]
            _check_header(path, header)
            rows = []
            for cells in lines:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    raise ValueError(
                        f"{path}, row {lines.line_num}: {len(cells)} values for {len(header)} "
                        "columns; put quotes around a value that contains a comma"
                    )
                rows.append((lines.line_num, dict(zip(header, cells, strict=True))))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8") from error
    except csv.Error as error:
        raise ValueError(f"{path}, row {lines.line_num}: not CSV ({error})") from error
    return header, rows


def _check_header(path: Path, header: list[str]) -> None:
    if "file" not in header:
        raise ValueError(f"{path} has no column `file`; its first line must name {_COLUMNS}")
    for i, name in enumerate(header):
        known = name in ("file", "label", "split") or any(
            name.startswith(kind) and len(name) > len(kind) for kind in _KINDS
        )
        if not known:
            raise ValueError(f"{path}: column {name!r} is not known; known are {_COLUMNS}")
        if name in header[:i]:
            raise ValueError(f"{path}: column {name!r} appears twice")


def _take(path: Path, line: int, row: Row, names: list[str], contents: _Contents) -> None:
    file = row["file"].strip()
    if not file:
        raise ValueError(f"{path}, row {line}, column 'file': it is empty")
    if Path(file).is_absolute():
        raise ValueError(
            f"{path}, row {line}, column 'file': {file!r} must be relative to {path.parent}"
        )
    if file in contents.images:
        contents.skipped.append((file, f"listed again in row {line}; the first row counts"))
        return
    if not _exists(path.parent / file):
        contents.skipped.append((file, f"row {line} lists it, but there is no such file"))
        return
    concepts = [
        (file, i, value == "1")
        for i, name in enumerate(names)
        if (value := _concept(path, line, f"concept:{name}", row)) != ""
    ]
    contents.images[file] = (row.get("label", "") or None, row.get("split", "").strip())
    contents.concepts += concepts
    for column, value in row.items():
        if column.startswith("part:"):
            x, y, visible = _point(path, line, column, value)
            contents.parts.append((file, column.removeprefix("part:"), x, y, visible))
        if column.startswith("mask:") and value.strip():
            try:
                mask = open_mask(path.parent / value.strip())
            except UnusableImage as reason:
                contents.skipped.append((value.strip(), f"mask of {file} left out: {reason}"))
                continue
            part = column.removeprefix("mask:")
            contents.masks.append((file, part, mask.shape[0], mask.shape[1], runs(mask)))


def _exists(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # a name longer than the file system allows
        return False


def _concept(path: Path, line: int, column: str, row: Row) -> str:
    value = row[column].strip()
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
