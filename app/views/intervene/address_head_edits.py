"""Edits of a head as the address carries them: "p30,s12.4:0.5,k3,r~no habitat".

p30 concept 30 counts for no class · s30:0.5 its weights times 0.5 · s30.4:0.5 only class 4's ·
w30.4:1.2 that weight becomes 1.2 · k3 each class keeps its 3 strongest · r the rest is fitted
again · m an average image keeps what removed weights gave it, z it does not; after ~ the name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

_PIECE = re.compile(
    r"p(?P<pruned>\d{1,9})|k(?P<kept>\d{1,6})"
    r"|(?P<kind>[sw])(?P<concept>\d{1,9})(?:\.(?P<class>\d{1,9}))?"
    r":(?P<value>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)",
    re.ASCII,
)
FLAGS = ("r", "m", "z")
KINDS = {"s": "scale", "w": "set"}
MOST = 500
"""edits read from one address"""
LARGEST = 1e6
LONGEST_NAME = 60


class Edit(NamedTuple):
    """By ids of the store, where core.intervention.head_edits counts columns and rows."""

    kind: str
    concept: int | None = None
    class_id: int | None = None
    value: float | None = None


@dataclass(frozen=True)
class EditSet:
    edits: tuple[Edit, ...] = ()
    refit: bool = False
    name: str = ""
    hold: bool | None = None
    """whether what removed weights gave an average image stays, in the bias; None: see `holds`"""


def parse(text: str | None) -> EditSet:
    """Pieces that are not edits are passed over, and so is a second time the same."""
    pieces, _, name = (text or "").partition("~")
    out: list[Edit] = []
    flags = set()
    for piece in pieces.split(",")[:MOST]:
        flags.add(piece.strip())
        edit = _one(piece.strip())
        if edit is not None and edit not in out:
            out.append(edit)
    return EditSet(
        tuple(out),
        "r" in flags,
        name.strip()[:LONGEST_NAME],
        True if "m" in flags else False if "z" in flags else None,
    )


def refused(text: str | None) -> list[str]:
    """The pieces that `parse` passes over, a second time the same aside; blank ones are none."""
    pieces = [piece.strip() for piece in (text or "").partition("~")[0].split(",")]
    return [
        piece
        for i, piece in enumerate(pieces)
        if piece and (i >= MOST or (piece not in FLAGS and _one(piece) is None))
    ]


def holds(given: EditSet, *, signed: bool) -> bool:
    """What the set says, else: a code that cannot be negative is on average well above 0, so that
    taking it from every image would shift them all; a signed one has its 0 where it says nothing,
    but with few concepts kept, what all the others say of every image alike would be missing.
    """
    few = any(edit.kind == "keep" for edit in given.edits)
    return (few or not signed) if given.hold is None else given.hold


def _one(piece: str) -> Edit | None:
    match = _PIECE.fullmatch(piece)
    if match is None:
        return None
    if match["pruned"]:
        return Edit("prune", int(match["pruned"]))
    if match["kept"]:
        return Edit("keep", value=float(match["kept"]))
    if abs(float(match["value"])) > LARGEST:
        return None
    class_id = int(match["class"]) if match["class"] else None
    return Edit(KINDS[match["kind"]], int(match["concept"]), class_id, float(match["value"]))


def write(given: EditSet) -> str:
    """What `parse` reads back as the same; "" for nothing."""
    pieces = [_text(edit) for edit in given.edits]
    pieces += ["r"] * given.refit
    if given.hold is not None:
        pieces.append("m" if given.hold else "z")
    name = given.name.strip()[:LONGEST_NAME]
    return ",".join(pieces) + (f"~{name}" if name else "")


def _text(edit: Edit) -> str:
    number = "" if edit.value is None else repr(float(edit.value)).removesuffix(".0")
    if edit.kind == "prune":
        return f"p{edit.concept}"
    if edit.kind == "keep":
        return f"k{number}"
    letter = next(k for k, kind in KINDS.items() if kind == edit.kind)
    where = "" if edit.class_id is None else f".{edit.class_id}"
    return f"{letter}{edit.concept}{where}:{number}"
