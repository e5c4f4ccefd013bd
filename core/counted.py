"""How many of something, in words that fit one as well."""

from __future__ import annotations

from typing import SupportsInt


def counted(n: SupportsInt, noun: str) -> str:
    """`1 image`, `2,000 images`, `3 classes`; `noun` is in the singular."""
    n = int(n)
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{n:,} {noun if n == 1 else plural}"
