"""Tables that are no text, as rows of text: the first sheet of an XLSX workbook, and Parquet."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pyarrow as pa
import pyarrow.parquet as pq

_MOST = 2**30
"""bytes of a part of a workbook when it is unpacked"""
_PARTS = "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/sharedStrings.xml"
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"

Lines = Iterator[tuple[int, list[str]]]
"""number of a row, counted from 1, the header's among them, and its cells"""


def lines_of(path: Path) -> Lines:
    """Rows of a .xlsx or .parquet file, the header first.

    Booleans become true and false, lists JSON, what is empty "". Raises ValueError for a file that
    is none, and for a row of a workbook with a formula that was never computed.
    """
    return _parquet(path) if path.suffix.lower() == ".parquet" else _workbook(path)


def is_sheet(path: Path) -> bool:
    return path.suffix.lower() in (".parquet", ".xlsx")


def _parquet(path: Path) -> Lines:
    try:
        file = pq.ParquetFile(path)
        yield 1, file.schema_arrow.names
        line = 1
        for batch in file.iter_batches():
            columns = [[_text(value) for value in column.to_pylist()] for column in batch.columns]
            for cells in zip(*columns, strict=True):
                line += 1
                yield line, list(cells)
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read as Parquet ({error})") from error


def _text(value: Any) -> str:
    if value is None or value != value:  # NaN
        return ""
    if isinstance(value, list | dict):
        return json.dumps(value, default=str, ensure_ascii=False)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _workbook(path: Path) -> Lines:
    try:
        with zipfile.ZipFile(path) as held:
            shared = _shared(held)
            with held.open(_checked(held, _first_sheet(held))) as sheet:
                for _, row in ElementTree.iterparse(sheet):
                    if _name(row) == "row":
                        yield from _row(row, shared, path)
                        row.clear()
    except (zipfile.BadZipFile, ElementTree.ParseError, KeyError, OSError) as error:
        raise ValueError(
            f"{path} cannot be read as an XLSX workbook ({error}); save it as CSV"
        ) from error


def _checked(held: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    part = held.getinfo(name)
    if part.file_size > _MOST:
        raise zipfile.BadZipFile(f"{name} has {part.file_size:,} bytes, at most {_MOST:,} are read")
    return part


def _parsed(held: zipfile.ZipFile, name: str) -> ElementTree.Element:
    return ElementTree.fromstring(held.read(_checked(held, name)))


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _first_sheet(held: zipfile.ZipFile) -> str:
    book, relations, _ = _PARTS
    first = next(e for e in _parsed(held, book).iter() if _name(e) == "sheet").get(_RELATION)
    target = next(e.get("Target") for e in _parsed(held, relations) if e.get("Id") == first) or ""
    return target.lstrip("/") if target.startswith("/") else f"xl/{target}"


def _shared(held: zipfile.ZipFile) -> list[str]:
    """Texts that cells refer to by number."""
    if _PARTS[2] not in held.namelist():
        return []
    return [_words(one) for one in _parsed(held, _PARTS[2]) if _name(one) == "si"]


def _words(element: ElementTree.Element) -> str:
    """Runs of a text, without how it is pronounced."""
    runs = [one for one in element if _name(one) != "rPh"]
    return "".join(e.text or "" for one in runs for e in one.iter() if _name(e) == "t")


def _row(row: ElementTree.Element, shared: list[str], path: Path) -> Lines:
    line, cells = int(row.get("r", "0")), list[str]()
    for place, cell in enumerate(row):
        letters = re.match(r"[A-Z]+", cell.get("r", ""))
        column = _number(letters[0]) if letters else place
        if column > 16_384:
            raise zipfile.BadZipFile(f"row {line} names the column {cell.get('r')}")
        cells += [""] * (column + 1 - len(cells))
        cells[column] = _cell(cell, shared, f"{path}, row {line}")
    yield line, cells


def _number(letters: str) -> int:
    """Of a column, from 0: A, B, ..., Z, AA."""
    out = 0
    for letter in letters:
        out = 26 * out + ord(letter) - ord("A") + 1
    return out - 1


def _cell(cell: ElementTree.Element, shared: list[str], where: str) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return "".join(_words(e) for e in cell if _name(e) == "is")
    value = next((e.text or "" for e in cell if _name(e) == "v"), "")
    if not value and any(_name(e) == "f" for e in cell) and kind != "str":
        raise ValueError(
            f"{where}, cell {cell.get('r')}: its formula was never computed; open the workbook, "
            "save it, or save it as CSV"
        )
    if kind == "s":
        return shared[int(value)]
    if kind == "b":
        return "true" if value == "1" else "false"
    if kind == "e":
        raise ValueError(f"{where}, cell {cell.get('r')} holds the error {value}")
    return value.removesuffix(".0") if kind == "n" else value
