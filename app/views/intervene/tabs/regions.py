"""Parts of the token grid as the address carries them: "k3-9,20;x40;a0.2". Twin of js/regions.js.

k cells to keep · x cells to remove · a the weight of all others, 0..1, where it is not the default.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_RUN = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?", re.ASCII)
_WEIGHT = re.compile(r"a(0(?:\.\d{1,4})?|1(?:\.0{1,4})?)", re.ASCII)
MOST = 5000
"""characters read of an address"""


@dataclass(frozen=True)
class Regions:
    """Tokens, row by row; none is both kept and removed."""

    keep: frozenset[int] = frozenset()
    remove: frozenset[int] = frozenset()
    elsewhere: float | None = None


def parse(text: str | None, *, n_tokens: int) -> Regions:
    """What is no region, and cells beyond the grid, are passed over; of two marks on one cell the
    one that removes it counts."""
    keep, remove, elsewhere = _read(text, n_tokens)
    return Regions(frozenset(keep - remove), frozenset(remove), elsewhere)


def refused(text: str | None, *, n_tokens: int) -> list[str]:
    """The pieces that `parse` passes over, wholly or beyond the grid, so that one can be told."""
    out = []
    for part in (text or "")[:MOST].split(";"):
        if part[:1] in ("k", "x"):
            runs = part[1:].split(",")
            out += [part[0] + run for run in runs if not _inside(run, n_tokens)]
        elif part and not _WEIGHT.fullmatch(part):
            out.append(part)
    return out


def torn(text: str | None, *, n_tokens: int) -> int:
    """How many cells are marked both to keep and to remove."""
    keep, remove, _ = _read(text, n_tokens)
    return len(keep & remove)


def _read(text: str | None, n_tokens: int) -> tuple[set[int], set[int], float | None]:
    cells: dict[str, set[int]] = {"k": set(), "x": set()}
    elsewhere = None
    for part in (text or "")[:MOST].split(";"):
        weight = _WEIGHT.fullmatch(part)
        if weight:
            elsewhere = float(weight[1])
        elif part[:1] in cells:
            for run in part[1:].split(","):
                found = _RUN.fullmatch(run)
                if found:
                    first, last = int(found[1]), int(found[2] or found[1])
                    cells[part[0]].update(range(first, min(last, n_tokens - 1) + 1))
    inside = {name: {t for t in some if t < n_tokens} for name, some in cells.items()}
    return inside["k"], inside["x"], elsewhere


def _inside(run: str, n_tokens: int) -> bool:
    found = _RUN.fullmatch(run)
    return found is not None and int(found[1]) <= int(found[2] or found[1]) < n_tokens


def write(given: Regions) -> str:
    """Runs ascending; "" for nothing."""
    parts = [
        letter + ",".join(str(a) if a == b else f"{a}-{b}" for a, b in _runs(sorted(some)))
        for letter, some in (("k", given.keep), ("x", given.remove))
        if some
    ]
    if given.elsewhere is not None:
        parts.append(f"a{given.elsewhere!r}".removesuffix(".0"))
    return ";".join(parts)


def _runs(tokens: list[int]) -> list[tuple[int, int]]:
    out: list[tuple[int, int]] = []
    for t in tokens:
        out[-1:] = [(out[-1][0], t)] if out and t == out[-1][1] + 1 else [*out[-1:], (t, t)]
    return out
