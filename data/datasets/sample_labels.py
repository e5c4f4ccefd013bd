"""The label of a sample of WebDataset: a member cls or txt, or a field of its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.datasets.multi_label import Listed, names_of, numbered
from data.datasets.text import plain


class SampleLabels:
    """Classes of samples, or lists of labels; it sees to it that all have the same."""

    def __init__(self, label: str, names: Path | None) -> None:
        """`names`: text file of one name a line."""
        self._label = label
        self._names = _lines(names) if names else None
        self._are_lists: bool | None = None

    @property
    def several(self) -> bool:
        """Whether the samples seen so far have lists."""
        return bool(self._are_lists)

    @property
    def all_names(self) -> Sequence[str]:
        """Of a multi-label set, where they are known beforehand."""
        return self._names or () if self.several else ()

    def of(self, value: Any, called: str) -> tuple[str | None, Listed]:
        """Class and list of labels of a sample, of which one at most is there. `called`: its name.

        Raises ValueError for a value that is neither, and where samples have now one, now the
        other.
        """
        if value is None:
            return None, None
        is_list = isinstance(value, list)
        if self._are_lists not in (None, is_list):
            raise ValueError(
                f"{called}.json: {self._label} is {value!r}, but samples before it have "
                f"{'a list' if self._are_lists else 'one class'} there; all must have lists, or "
                "none"
            )
        self._are_lists = is_list
        if is_list:
            return None, _listed(value, self._names, called)
        return _class(value, self._label, called, self._names), None


def kind_of(label: str) -> str:
    """The kind of member that holds the label: of json.species json."""
    return "json" if label.startswith("json.") else label.lower()


def value_of(content: bytes, label: str, called: str) -> Any:
    """What a member says of its sample's label: text, number or list; None: nothing.

    Raises ValueError for what is no text or JSON, and for JSON without the field.
    """
    kind, dot, name = label.partition(".") if label.startswith("json.") else (label.lower(), "", "")
    try:
        text = content.decode("utf-8-sig")
        value: Any = json.loads(text) if dot else plain(text)
    except ValueError as error:
        raise ValueError(f"{called}.{kind} cannot be read as a class ({error})") from error
    for step in name.split(".") if dot else ():
        if not isinstance(value, Mapping) or step not in value:
            told = ", ".join(value) if isinstance(value, Mapping) else "no fields"
            raise ValueError(f"{called}.json has no {name}; it has {told}")
        value = value[step]
    return None if value == "" else value


def _class(value: Any, label: str, called: str, classes: Sequence[str] | None) -> str | None:
    if not isinstance(value, str | int):
        name = label.partition(".")[2]
        raise ValueError(
            f"{called}.json: {name} is {value!r}, which is no text, whole number or list"
        )
    return str(value) if classes is None else _name_of(str(value), classes, called)


def _listed(value: list[Any], classes: Sequence[str] | None, called: str) -> tuple[str, ...]:
    where = f"{called}.json"
    if not value or all(isinstance(one, str) for one in value):
        return names_of(value, where=where)
    if classes is None:
        raise ValueError(
            f"{where}: {str(value)[:80]} is no list of texts; numbers need the option names, a "
            "text file with the name of one label a line"
        )
    hot = len(value) == len(classes) and set(value) <= {0, 1}
    if hot and len(set(value)) == len(value):
        raise ValueError(
            f"{where}: {value} may count the names from 0 or say 1 or 0 for each; write the "
            "labels as texts"
        )
    return numbered(value, classes, hot=hot, where=where)


def _name_of(number: str, classes: Sequence[str], called: str) -> str:
    if not number.isdecimal() or int(number) >= len(classes):
        raise ValueError(
            f"{called}: class {number!r} is none of the {len(classes)} named, counted from 0"
        )
    return classes[int(number)]


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise ValueError(
            f"{path} is not a file; names is a text file, the name of one class a line"
        )
    return [plain(line) for line in path.read_text(encoding="utf-8-sig").splitlines()]
