"""Rows of a table: which separator it has, which columns are known, what is left out."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from data.datasets import sheets
from data.datasets.text import plain

SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}
_LINE = 10_000
"""characters of the first line that tell the separator"""

Row = dict[str, str]


@dataclass(frozen=True)
class Table:
    header: list[str]
    """known columns"""
    rows: list[tuple[int, Row]]
    """line of the file, and the values by column"""
    remarks: list[str]
    """which columns were left out"""
    left_out: list[str]


def read_table(path: Path, *, needed: str, is_known: Callable[[str], bool], known: str) -> Table:
    """A file with one header line: UTF-8 text with any of `SEPARATORS`, .xlsx or .parquet.

    Lines of blanks are passed over. A known column may be written with capitals, as `Split` or
    `Concept:striped`, where no other column is called so without. Columns without a name that hold
    nothing, those that `is_known` refuses and the running numbers that pandas writes are left out,
    which `remarks` says. `known` names the known ones for errors. Raises ValueError, with the row,
    where the file is not such a table or has no column `needed`.
    """
    sheet = sheets.is_sheet(path)
    separator = "" if sheet else _separator(path, needed, is_known, known)
    lines = sheets.lines_of(path) if sheet else _text_lines(path, separator)
    header = _as_known([plain(name) for name in next(lines, (1, []))[1]], is_known)
    if needed not in header:
        raise ValueError(
            f"{path} has no column `{needed}`; its first line names "
            f"{', '.join(map(repr, header[:8]))}; columns that are read are {known}"
        )
    _check_header(path, header, is_known)
    taken = [i for i, name in enumerate(header) if is_known(name)]
    rows: list[tuple[int, Row]] = []
    for line, found in lines:
        if not any(cell.strip() for cell in found):
            continue
        cells = found + [""] * (len(header) - len(found)) if sheet else found
        _check_row(path, line, cells, header, SEPARATORS.get(separator, "separator"))
        rows.append((line, {header[i]: cells[i] for i in taken}))
    left_out = [name or "(no name)" for name in header if not is_known(name)]
    remarks = [f"columns of {path.name} left out: {', '.join(left_out)}"] if left_out else []
    return Table([header[i] for i in taken], rows, remarks, left_out)


def _text_lines(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    at = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            lines = csv.reader(handle, delimiter=separator, strict=True)
            for cells in lines:
                at = lines.line_num
                yield at, cells
                at += 1
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from error
    except csv.Error as error:
        raise ValueError(f"{path}, row {at}: not CSV ({error})") from error


def _not_text(path: Path, error: UnicodeDecodeError) -> ValueError:
    return ValueError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8")


def _as_known(header: list[str], is_known: Callable[[str], bool]) -> list[str]:
    """The header, with known columns that are written with capitals as they are known.

    Of `Concept:Striped`, what is before the colon is known and what follows is a name.
    """

    def one(name: str) -> str:
        kind, colon, rest = name.partition(":")
        lower = kind.lower() + colon + rest
        return lower if not is_known(name) and is_known(lower) and lower not in header else name

    return [one(name) for name in header]


def _separator(path: Path, needed: str, is_known: Callable[[str], bool], known: str) -> str:
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            first = handle.readline()
    except UnicodeDecodeError as error:
        raise _not_text(path, error) from error
    seen = {
        s: _as_known(
            [plain(c) for c in next(csv.reader([first[:_LINE]], delimiter=s), [])], is_known
        )
        for s in SEPARATORS
    }
    for separator, names in seen.items():
        if needed in names:
            return separator
    widest = max(SEPARATORS, key=lambda s: len(seen[s]))
    columns = ", ".join(repr(name) for name in seen[widest][:8])
    raise ValueError(
        f"{path} has no column `{needed}`; its first line names {columns} (separated by "
        f"{SEPARATORS[widest]}s); columns that are read are {known}"
    )


def _check_header(path: Path, header: list[str], is_known: Callable[[str], bool]) -> None:
    for i, name in enumerate(header):
        if is_known(name) and name in header[:i]:
            raise ValueError(f"{path}: column {name!r} appears twice")


def _check_row(path: Path, line: int, cells: list[str], header: list[str], separator: str) -> None:
    """Values beyond the header may be empty, since spreadsheets write such."""
    beyond = [cell for cell in cells[len(header) :] if cell.strip()]
    if len(cells) < len(header) or beyond:
        raise ValueError(
            f"{path}, row {line}: {len(cells)} values for {len(header)} columns; put quotes "
            f"around a value that contains a {separator}"
        )
