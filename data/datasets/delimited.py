"""Rows of a table of text: which separator it has, which columns are known, what is left out."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

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


def read_table(path: Path, *, needed: str, is_known: Callable[[str], bool], known: str) -> Table:
    """A UTF-8 file with one header line and any of `SEPARATORS`; lines of blanks are passed over.

    Columns without a name that hold nothing, those that `is_known` refuses and the running numbers
    that pandas writes are left out, which `remarks` says. `known` names the known ones for errors.
    Raises ValueError, with the row, where the file is not such a table or has no column `needed`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            first = handle.readline()
            separator = _separator(path, first, needed, known)
            handle.seek(0)
            lines = csv.reader(handle, delimiter=separator, strict=True)
            header = [plain(name) for name in next(lines, [])]
            _check_header(path, header, is_known)
            taken = [i for i, name in enumerate(header) if is_known(name)]
            rows: list[tuple[int, Row]] = []
            for cells in lines:
                if not any(cell.strip() for cell in cells):
                    continue
                _check_row(path, lines.line_num, cells, header, SEPARATORS[separator])
                rows.append((lines.line_num, {header[i]: cells[i] for i in taken}))
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error.reason}); save it as UTF-8") from error
    except csv.Error as error:
        raise ValueError(f"{path}, row {lines.line_num}: not CSV ({error})") from error
    left_out = [name or "(no name)" for name in header if not is_known(name)]
    remarks = [f"columns of {path.name} left out: {', '.join(left_out)}"] if left_out else []
    return Table([header[i] for i in taken], rows, remarks)


def _separator(path: Path, first: str, needed: str, known: str) -> str:
    seen = {
        s: [plain(c) for c in next(csv.reader([first[:_LINE]], delimiter=s), [])]
        for s in SEPARATORS
    }
    for separator, names in seen.items():
        if needed in names:
            return separator
    widest = max(SEPARATORS, key=lambda s: len(seen[s]))
    columns = ", ".join(repr(name) for name in seen[widest][:8])
    raise ValueError(
        f"{path} has no column `{needed}`; its first line names {columns} (separated by "
        f"{SEPARATORS[widest]}s), and must name {known}"
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
            f"{path}, row {line}: {len(cells)} values for {len(header)} columns; put quotes around "
            f"a value that contains a {separator}"
        )
