"""What a measure, a column or a statistic means, in the words that people read beside it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]
Format = Literal["number", "percent", "points", "signed", "count", "seconds", "text", "picture"]
"""how a value is written; "percent" is stored as a share and shown times 100,
as is "points", a difference of shares, in percentage points"""

COMMON = "common usage"
"""the source of what no single paper is cited for"""
OWN = "Lucidarium"
"""the source of what this project defined"""


@dataclass(frozen=True)
class Definition:
    key: str
    """ "table.column" of the store, or "table.measure" of a table with a row a measure"""
    title: str
    meaning: str
    """whole sentences in plain words"""
    formula: str = ""
    source: str = OWN
    """paper and equation, `OWN` or `COMMON`"""
    unit: str = ""
    """of the stored value: "share", "logits", "AUC", ...; "": it has none"""
    better: Better = "neither"
    chance: str = ""
    """what chance is, in words; "": there is none"""
    format: Format = "number"
    n_of: str = ""
    """what n counts; "": no n stands beside it"""
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """the least and the largest value there can be"""
    short: str = ""
    """the title where a column is narrow; "": the title itself"""

    @property
    def heading(self) -> str:
        """The title of a column, with the unit in which `format` writes it."""
        title = self.short or self.title
        suffix = {"percent": ", %", "points": ", pp", "seconds": ", s"}.get(self.format, "")
        return title + suffix

    @property
    def scale(self) -> float:
        """What a stored value is multiplied by before it is shown."""
        return 100.0 if self.format in ("percent", "points") else 1.0

    @property
    def help(self) -> str:
        """Everything that is known of it in one paragraph, for a tooltip."""
        good = "" if self.better == "neither" else f"{self.better.capitalize()} is better."
        parts = (
            self.meaning,
            good,
            _labelled("n", self.n_of),
            _labelled("Chance", self.chance),
            _labelled("Formula", self.formula),
            "" if self.source in (OWN, COMMON) else _labelled("Source", self.source),
        )
        return " ".join(part for part in parts if part)


def _labelled(word: str, text: str) -> str:
    return f"{word}: {text}." if text else ""


def keyed(table: str, definitions: Iterable[Definition]) -> Mapping[str, Definition]:
    """Definitions of one table by what follows the table's name in their keys."""
    return {one.key.removeprefix(f"{table}."): one for one in definitions}
