"""Labels of which an image can carry several: what tables and lists say of them.

A mark says of an image and a label that it is shown (True), absent (False) or uncertain (None); a
label without a mark is unknown.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence

import pandas as pd

from data.datasets.text import plain

NOTHING = "No Finding"
"""what data sets of chest X-rays write in place of an empty list"""
SEPARATORS = ("|", ";")
"""between the labels of a list that is written as text"""
_SHOWN, _ABSENT, _UNCERTAIN = {"1", "true", "yes"}, {"0", "false", "no"}, {"-1"}
_RUN_TOGETHER = re.compile(r"""['"]\s+['"]""")

Marks = Mapping[str, bool | None]
"""by label; one that is not there is unknown"""
Listed = tuple[str, ...] | None
"""labels that an image carries, of those that any image does; None: unknown"""


def is_mark(text: str) -> bool:
    """Whether a cell can say of a label whether it is shown; an empty one can."""
    return _word(text) in _SHOWN | _ABSENT | _UNCERTAIN | {""}


def marks(row: Mapping[str, str], columns: Mapping[str, str], *, where: str) -> Marks:
    """What a row of a table says. `columns`: of each label the column.

    1, true and yes are shown, 0, false and no absent, -1 uncertain and an empty cell unknown.
    Raises ValueError, with `where` and the column, for any other value.
    """
    out: dict[str, bool | None] = {}
    for label, column in columns.items():
        word = _word(row[column])
        if word in _UNCERTAIN:
            out[label] = None
        elif word in _SHOWN | _ABSENT:
            out[label] = word in _SHOWN
        elif word:
            raise ValueError(
                f"{where}, column {column!r}: {row[column].strip()!r} is none of 1, true and yes "
                "(shown), 0, false and no (absent), -1 (uncertain) and empty (unknown)"
            )
    return out


def _word(text: str) -> str:
    return plain(text).casefold().removesuffix(".0")  # as pandas writes a column with gaps


def separator_of(cells: Sequence[str], given: str, *, where: str) -> str:
    """What stands between labels; `given`: by the person, "" where nothing was said.

    Raises ValueError, with `where`, where that is not clear.
    """
    if given:
        return given
    written = [cell for cell in cells if not plain(cell).startswith("[")]
    found = [one for one in SEPARATORS if any(one in cell for cell in written)]
    if len(found) > 1 or (not found and any("," in cell for cell in written)):
        seen = " and ".join(repr(one) for one in found or (",",))
        raise ValueError(
            f"{where}: cells hold {seen}, so it is not clear what stands between two labels; say "
            'it with the option separator, such as separator = "|"'
        )
    return found[0] if found else SEPARATORS[0]


def listed(text: str, *, separator: str, where: str) -> Listed:
    """The labels that a cell lists: "A|B", or a list of JSON or of Python.

    An empty cell is unknown; an empty list and `NOTHING` are no label. Raises ValueError,
    with `where`, for a list that cannot be read, or that holds something else than texts.
    """
    cell = plain(text)
    if not cell:
        return None
    if cell.startswith("["):
        return names_of(_literal(cell, where), where=where)
    return names_of(cell.split(separator), where=where)


def names_of(found: object, *, where: str) -> tuple[str, ...]:
    """A list of labels, each once. Raises ValueError, with `where`, for what is none."""
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise ValueError(f"{where}: {found!r} is no list of labels, each of them a text")
    names = [name for name in dict.fromkeys(map(plain, found)) if name]
    if NOTHING in names and len(names) > 1:
        raise ValueError(
            f"{where}: {NOTHING!r} stands beside {names[0 if names[0] != NOTHING else 1]!r}, but "
            "it means that there is no label; leave it out"
        )
    return tuple(name for name in names if name != NOTHING)


def numbered(found: object, names: Sequence[str], *, hot: bool, where: str) -> tuple[str, ...]:
    """Labels from a list of whole numbers: their places among `names`, from 0, or (`hot`) 1 and 0
    for each of them. Raises ValueError, with `where`, for a list that is neither."""
    if not isinstance(found, list | tuple) or not all(isinstance(one, int) for one in found):
        raise ValueError(f"{where}: {found!r} is no list of whole numbers")
    if hot:
        if len(found) != len(names) or not set(found) <= {0, 1}:
            raise ValueError(
                f"{where}: {str(found)[:80]} is not 1 or 0 for each of the {len(names)} names"
            )
        return tuple(name for name, one in zip(names, found, strict=True) if one)
    if not all(0 <= one < len(names) for one in found):
        raise ValueError(
            f"{where}: {str(found)[:80]} holds numbers that are none of the {len(names)} names, "
            "counted from 0"
        )
    return tuple(names[one] for one in dict.fromkeys(found))


def _literal(cell: str, where: str) -> object:
    try:
        return json.loads(cell)
    except ValueError:
        pass
    try:
        if _RUN_TOGETHER.search(cell):  # Python would make one word of two
            raise ValueError("there is no comma between its values")
        return ast.literal_eval(cell)
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise ValueError(f"{where}: {cell[:80]!r} cannot be read as a list ({error})") from error


def filled(lists: Sequence[Listed], names: Sequence[str] = ()) -> list[Marks]:
    """Marks of every image from its list: a label that it does not list is absent there.

    `names`: all labels that there are; without them those that some list has.
    """
    names = names or sorted({name for one in lists if one is not None for name in one})
    return [{} if one is None else {name: name in one for name in names} for one in lists]


def rarest(marked: Sequence[Marks]) -> list[str | None]:
    """Of each image the rarest label that it shows, None where it shows none: a class to spread
    images by where they have several labels."""
    counts = Counter(label for one in marked for label, shown in one.items() if shown)
    return [
        min((label for label, shown in one.items() if shown), key=lambda x: (counts[x], x))
        if any(one.values())
        else None
        for one in marked
    ]


def carried_table(marked: Mapping[int, Marks]) -> pd.DataFrame:
    """`Dataset.carried`, from the marks by image_id, in its order."""
    rows = [
        (image_id, label, shown)
        for image_id in sorted(marked)
        for label, shown in sorted(marked[image_id].items())
    ]
    out = pd.DataFrame(rows, columns=["image_id", "label", "present"], dtype=object)
    out["image_id"] = out["image_id"].astype("int64")
    return out


def marks_by_image(carried: pd.DataFrame, image_ids: Sequence[int]) -> list[Marks]:
    """The inverse of `carried_table`, in the order of `image_ids`."""
    found: dict[int, dict[str, bool | None]] = {int(i): {} for i in image_ids}
    for image_id, label, present in zip(
        carried["image_id"], carried["label"], carried["present"], strict=True
    ):
        found[int(image_id)][label] = present
    return [found[int(i)] for i in image_ids]


def remarks_on(marked: Sequence[Marks]) -> tuple[str, ...]:
    """What a person is told: labels with uncertain marks, in sentences."""
    uncertain = Counter(label for one in marked for label, shown in one.items() if shown is None)
    if not uncertain:
        return ()
    named = ", ".join(f"{label} {n:,}" for label, n in uncertain.most_common(5))
    more = ", ..." if len(uncertain) > 5 else ""
    return (
        f"{uncertain.total():,} marks say -1, uncertain ({named}{more}); they count as unknown",
    )
