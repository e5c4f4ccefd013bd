"""What the build knew of its methods: of banks, heads, importance and saliency."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import duckdb

Kind = Literal["bank", "head", "importance", "saliency"]


@dataclass(frozen=True)
class Method:
    title: str
    about: str
    unit: str = ""
    """of its values; "": they have none, or nothing is known of the method"""
    signed: bool = True
    """values below zero are evidence against"""
    costly: bool = False
    """run on few concepts of an image where no weight says what they bring"""


def methods(con: duckdb.DuckDBPyConnection, kind: Kind) -> dict[str, Method]:
    """By the recipe's word for them, in the order shown; used in this store or not."""
    rows = con.execute(
        """
        SELECT method, title, about, coalesce(unit, ''), coalesce(signed, TRUE),
            coalesce(costly, FALSE)
        FROM method WHERE kind = $kind ORDER BY place
        """,
        {"kind": kind},
    ).fetchall()
    return {str(name): Method(*facts) for name, *facts in rows}


def method(con: duckdb.DuckDBPyConnection, kind: Kind, name: str) -> Method:
    """One of them; a name that the build did not know is its own title."""
    return methods(con, kind).get(name) or Method(name, "")
