"""How numbers and names are written: three significant digits, and n beside every share."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import SupportsFloat, SupportsInt

MISSING = "n/a"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~$:&])")
_READ_AS = re.compile(
    r"(?<=:)(?=//|[\w+./-]+:)|(?<=@)(?=\w)|(?<=\bwww)(?=\.)|(?<=[<>~=-])(?=[<>=-])",
    flags=re.IGNORECASE,
)
"""inside icons, emoji, addresses and arrows, which are read even where every sign is escaped"""
_APART = "\u200b"
"""no width"""
_NUMBER = re.compile(r"[+-][\d.,]+(e[+-]?\d+)?( ?%)?( \(n?[ =\d.,%+-]*\))?", flags=re.IGNORECASE)
_UNITS = ("B", "KB", "MB", "GB", "TB")


def number(value: SupportsFloat | None, unit: str = "") -> str:
    """Three significant digits; whole numbers keep all of theirs. Missing is MISSING."""
    value = math.nan if value is None else float(value)
    if not math.isfinite(value):
        return MISSING
    suffix = f" {unit}" if unit else ""
    if value.is_integer() and abs(value) < 1e9:
        return f"{int(value):,}{suffix}"
    size = abs(value)
    if size >= 1e6 or size < 1e-3:
        return f"{value:.2e}{suffix}"
    decimals = max(0, 2 - math.floor(math.log10(size)))
    return f"{value:,.{decimals}f}{suffix}"


def signed(value: SupportsFloat | None, unit: str = "") -> str:
    """As `number`, with a plus sign where positive."""
    text = number(value, unit)
    return f"+{text}" if value is not None and 0 < float(value) < math.inf else text


def percent(share: SupportsFloat | None) -> str:
    """A share of 0..1 as per cent."""
    share = math.nan if share is None else float(share)
    if not math.isfinite(share):
        return MISSING
    return "100 %" if share == 1 else f"{number(100 * share)} %"


def rate(n: int, total: int) -> str:
    """A share with the counts behind it."""
    if total == 0:
        return f"{MISSING} (0 of 0)"
    return f"{percent(n / total)} ({n:,} of {total:,})"


def seconds(value: float) -> str:
    if value < 60:
        return number(value, "s")
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def size(n_bytes: int) -> str:
    step = 0 if n_bytes < 1 else min(len(_UNITS) - 1, int(math.log(n_bytes, 1000)))
    return number(n_bytes / 1000**step, _UNITS[step])


def short(text: str, limit: int = 48) -> str:
    """At most `limit` characters; the full text belongs in a tooltip."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def short_file(file: str, limit: int = 60) -> str:
    """As `short`, with the end of the path, which tells files of one folder apart."""
    return file if len(file) <= limit else "…" + file[len(file) - limit + 1 :].lstrip()


def plain(text: str) -> str:
    """Text from data, for a place that reads Markdown: shown letter by letter."""
    return _MARKDOWN.sub(r"\\\1", _READ_AS.sub(_APART, " ".join(text.split())))


def cell(text: str) -> str:
    """Text from data, for a table that can be saved: no spreadsheet takes it for a formula.

    A sign of no width comes before what begins as a formula does; numbers stay as they are.
    """
    formula = text.lstrip(" ")[:1] in set("=+-@\t\r\n") and not _NUMBER.fullmatch(text)
    return _APART + text if formula and text else text


def listed(pieces: Sequence[str], most: int = 4) -> str:
    """Pieces of an address in quotes, for a place that reads Markdown; the first few of many."""
    shown = ", ".join(f"“{plain(short(piece, 24))}”" for piece in pieces[:most])
    return shown + (" …" if len(pieces) > most else "")


def concept_name(name: str | float | None, concept_id: SupportsInt) -> str:
    """What a concept is called in lists: its name, or its id where it has none.

    In a column of a frame, a missing name is NaN.
    """
    return name if isinstance(name, str) and name else f"#{concept_id}"


def concept_titles(
    names: Iterable[str | float | None], concept_ids: Iterable[SupportsInt]
) -> list[str]:
    """As `concept_name`, of each row of a frame."""
    return [concept_name(name, c) for name, c in zip(names, concept_ids, strict=True)]


def with_id(name: str | float | None, concept_id: SupportsInt, *, source: str | None) -> str:
    """As `concept_name`, with the id behind names that are not the concept's own: they repeat."""
    own = source == "label" or not (isinstance(name, str) and name)
    return concept_name(name, concept_id) + ("" if own else f" #{concept_id}")
