"""A number that says how good a bank is."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A row of the table `quality`, as its columns say. NaN: there is none."""

    measure: str
    value: float
    n: int
    control: float = math.nan
    chance: float = math.nan
    best: float = math.nan
