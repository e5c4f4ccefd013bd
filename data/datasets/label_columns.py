"""Which columns of a table hold labels: one class, a list, or 1 and 0 for each of several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from data.datasets.delimited import Row, Table, read_table
from data.datasets.multi_label import (
    SEPARATORS,
    Marks,
    filled,
    is_mark,
    listed,
    marks,
    separator_of,
)
from data.datasets.text import plain

CLASS, LIST, EACH = "label", "labels", "label:"
NONE = "none"
"""in place of columns: the table has no labels"""
_TOLD = 6


@dataclass(frozen=True)
class Asked:
    """What a person said of the columns; "" and None: nothing."""

    label: str = ""
    labels: str | Sequence[str] | None = None
    separator: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that may be meant."""
        if self.labels is None:
            return (self.label,) if self.label else (CLASS, LIST)
        if not isinstance(self.labels, str):
            return tuple(plain(str(one)) for one in self.labels)
        return (plain(self.labels), *(plain(one) for one in self.labels.split(",")))


@dataclass(frozen=True)
class LabelColumns:
    """At most one of the three is there."""

    single: str = ""
    """column of one class an image"""
    listed: str = ""
    """column of lists"""
    each: Mapping[str, str] = field(default_factory=dict)
    """of each label the column of 1 and 0"""

    @property
    def several(self) -> bool:
        """Whether an image can carry several labels."""
        return bool(self.listed or self.each)


def choose(path: Path, table: Table, asked: Asked, *, needed: str) -> LabelColumns:
    """The columns of labels that were named, or else those whose names or values leave no doubt.

    Raises ValueError, naming the option that settles it, where a column that was named is not
    there, where two of the three are there and where values could be classes or lists, labels or
    attributes. `needed`: the column of paths.
    """
    if asked.label and asked.labels is not None:
        raise ValueError("the options label (one class an image) and labels exclude each other")
    if asked.label:
        return LabelColumns(single=_there(path, table, asked.label, "label"))
    if asked.labels is not None:
        return _named(path, table, asked)
    each = {c.removeprefix(EACH): c for c in table.header if c.startswith(EACH)}
    found = [c for c in (CLASS, LIST) if c in table.header] + list(each.values())[:1]
    if len(found) > 1:
        raise ValueError(
            f"{path} has the columns {found[0]!r} and {found[1]!r}, so it is not clear which are "
            f"the labels; say it with the option labels = {found[1]!r}, or label = {found[0]!r} "
            "for one class an image"
        )
    if each:
        return LabelColumns(each=each)
    if LIST in table.header:
        return LabelColumns(listed=LIST)
    if CLASS in table.header:
        _refuse_lists(path, table)
        return LabelColumns(single=CLASS)
    _refuse_unnamed(path, table, needed)
    return LabelColumns()


def _there(path: Path, table: Table, column: str, option: str) -> str:
    if column not in table.header:
        columns = ", ".join(map(repr, [*table.header, *table.left_out][:12]))
        raise ValueError(f"{path} has no column {column!r} ({option}); its columns are {columns}")
    return column


def _named(path: Path, table: Table, asked: Asked) -> LabelColumns:
    given = asked.labels
    assert given is not None
    if isinstance(given, str) and plain(given) in table.header:
        return LabelColumns(listed=plain(given))
    names = [plain(str(one)) for one in (given.split(",") if isinstance(given, str) else given)]
    if names in ([], [NONE]):
        return LabelColumns()
    if len(set(names)) < len(names):
        raise ValueError(f"the option labels names a column twice: {', '.join(names)}")
    columns = [_there(path, table, name, "labels") for name in names]
    if len(columns) == 1 and not all(is_mark(row[columns[0]]) for _, row in table.rows):
        return LabelColumns(listed=columns[0])
    return LabelColumns(each={column.removeprefix(EACH): column for column in columns})


def _refuse_lists(path: Path, table: Table) -> None:
    for line, row in table.rows:
        cell = plain(row[CLASS])
        if cell.startswith("[") or any(one in cell for one in SEPARATORS):
            raise ValueError(
                f"{path}, row {line}, column {CLASS!r}: {cell[:60]!r} may be one class or a list "
                f'of labels; give the data set the option labels = "{CLASS}" if it is a list, or '
                f'label = "{CLASS}" if it is the name of a class'
            )


def _refuse_unnamed(path: Path, table: Table, needed: str) -> None:
    """Raises ValueError where columns that were left out may be labels."""
    others = [name for name in table.left_out if not name.startswith("(")]
    if len(others) < 2:
        return
    wanted = {needed, *others}
    rest = read_table(path, needed=needed, is_known=wanted.__contains__, known=needed)
    alike = [
        name
        for name in others
        if any(row[name].strip() for _, row in rest.rows)
        and all(is_mark(row[name]) for _, row in rest.rows)
    ]
    if len(alike) < 2:
        return
    more = ", ..." if len(alike) > _TOLD else ""
    told = ", ".join(f'"{name}"' for name in alike[:_TOLD])
    raise ValueError(
        f"{path} names no labels, but {len(alike)} of its columns hold 1 and 0 alone ({told}{more})"
        f"; name those that are to be predicted with the option labels = [{told}{more}], call "
        "those that are attributes concept:NAME in the table, or leave all out with the option "
        f'labels = "{NONE}"'
    )


def marks_of(
    path: Path, rows: Sequence[tuple[int, Row]], columns: LabelColumns, asked: Asked
) -> list[Marks]:
    """What the columns say of each row. Raises ValueError, with the row, for odd values."""
    if columns.each:
        return [marks(row, columns.each, where=f"{path}, row {line}") for line, row in rows]
    column = columns.listed
    where = f"{path}, column {column!r}"
    mark = separator_of([row[column] for _, row in rows], asked.separator, where=where)
    return filled(
        [
            listed(
                row[column],
                separator=mark,
                where=f"{path}, row {line}, column {column!r}",
            )
            for line, row in rows
        ]
    )
