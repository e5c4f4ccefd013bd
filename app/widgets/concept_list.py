"""The list of concepts that the address describes: bank, search, filters and order."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Int

from app import address, db
from app.widgets import concept_names, concept_order, people
from data.queries import build, concepts, trees
from data.queries.concepts import Filters


def filters() -> Filters:
    """From the address, e.g. `f=dead,named,dense:0.2,freq:0.01:0.5`; what makes no sense is left.

    `dead` shows the dead ones too.
    """
    out = Filters(search=(address.param("q") or "")[:200])
    for part in (address.param("f") or "").split(","):
        word, *numbers = part.split(":")
        shares = [_share(n) for n in numbers]
        if word == "dead":
            out = replace(out, dead=False)
        elif word == "named":
            out = replace(out, named=True)
        elif word == "by" and len(numbers) == 1 and numbers[0] in concept_names.SOURCES:
            out = replace(out, source=numbers[0])
        elif word == "dense" and len(shares) == 1 and shares[0] is not None:
            out = replace(out, densest=shares[0])
        elif word == "first" and len(numbers) == 1 and numbers[0].isascii():
            out = replace(out, first=int(numbers[0]) if numbers[0].isdigit() else 0)
        elif word == "freq" and len(shares) == 2 and None not in shares:
            low, high = shares[0] or 0.0, shares[1] or 0.0
            out = replace(out, lowest=min(low, high), highest=max(low, high))
    return out


def _share(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value <= 1 else None


def flags(chosen: Filters) -> str | None:
    """The inverse of `filters`, without the search; None when nothing is set."""
    parts = [] if chosen.dead else ["dead"]
    if chosen.named:
        parts.append("named")
    if chosen.source:
        parts.append(f"by:{chosen.source}")
    if chosen.densest < 1:
        parts.append(f"dense:{chosen.densest:g}")
    if (chosen.lowest, chosen.highest) != (0, 1):
        parts.append(f"freq:{chosen.lowest:g}:{chosen.highest:g}")
    if chosen.first:
        parts.append(f"first:{chosen.first}")
    return ",".join(parts) or None


def ids(bank_id: int) -> Int[np.ndarray, " n"]:
    """Concepts of the bank that pass, in order; the search also reads people's names."""
    chosen = filters()
    if chosen.first and chosen.first not in set(trees.prefixes(db.cursor(), bank_id)["size"]):
        chosen = replace(chosen, first=0)  # said of another bank
    name = build.bank(db.cursor(), bank_id).name
    if chosen.search:
        chosen = replace(chosen, also=tuple(people.matching(name, chosen.search)))
    by = concept_order.key()
    spoken = concept_order.spoken(name) if by == "people" else ()
    return _ids(bank_id, chosen, by, concept_order.rising(), spoken)


@db.cached(max_entries=64)
def _ids(
    bank_id: int,
    chosen: Filters,
    by: str,
    rises: bool,
    spoken: tuple[int, ...],
) -> Int[np.ndarray, " n"]:
    return concepts.matching(
        db.cursor(), bank_id, filters=chosen, order=by, rising=rises, people=spoken
    )


def place() -> dict[str, str | None]:
    """The keys that a link must carry to stay in this list."""
    return {k: address.param(k) for k in ("b", "q", "o", "f")}
