"""Edits of concept scores as the address carries them: "12:0.5,40:-1". Twin of js/edits.js."""

from __future__ import annotations

import re
from collections.abc import Mapping

_ONE = re.compile(r"(\d{1,9}):(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)", re.ASCII)
MOST = 1000
"""edits read from one address; more is no person's doing"""
LARGEST = 1e9
"""beyond any score; keeps logits finite"""


def parse(text: str | None) -> dict[int, float]:
    """Concept id to value; pieces that are not edits are passed over."""
    out: dict[int, float] = {}
    for piece in (text or "").split(",")[:MOST]:
        found = _ONE.fullmatch(piece.strip())
        if found and abs(float(found[2])) <= LARGEST:
            out[int(found[1])] = float(found[2])
    return out


def refused(text: str | None) -> list[str]:
    """The pieces that `parse` passes over, so that a person can be told; blank ones are none."""
    pieces = [piece.strip() for piece in (text or "").split(",")]
    return [piece for i, piece in enumerate(pieces) if piece and (i >= MOST or not parse(piece))]


def write(edits: Mapping[int, float]) -> str:
    """Ids ascending; the shortest decimals that read back as the same number."""
    return ",".join(f"{k}:{float(v)!r}".removesuffix(".0") for k, v in sorted(edits.items()))
