"""CUB-200-2011's words made readable: attributes, classes, parts."""

from __future__ import annotations

import re

import pandas as pd

from data.datasets.text import plain

# The family's words -> the part they speak of. Families of the whole bird (shape, size, primary
# colour, upper and under parts, head pattern) speak of none of the twelve parts.
FAMILY_PART: dict[str, str] = {
    "bill": "beak",
    "wing": "wing",
    "breast": "breast",
    "belly": "belly",
    "back": "back",
    "throat": "throat",
    "crown": "crown",
    "forehead": "forehead",
    "nape": "nape",
    "eye": "eye",
    "leg": "leg",
    "tail": "tail",
    "upper tail": "tail",
    "under tail": "tail",
}


def attribute(raw: str) -> tuple[str, str | None, str | None]:
    """`has_bill_shape::hooked_seabird` -> name "bill shape: hooked seabird", grouping, part."""
    family, separator, value = plain(raw).partition("::")
    words = family.removeprefix("has_").replace("_", " ")
    readable = value.replace("_", " ")
    if not separator:
        return words, None, None
    return f"{words}: {readable}", words, FAMILY_PART.get(words.rsplit(" ", 1)[0])


def labelled_table(raw_names: list[str]) -> pd.DataFrame:
    """`Dataset.labelled`, one row an attribute, in the order given."""
    rows = [attribute(raw) for raw in raw_names]
    table = pd.DataFrame(rows, columns=["name", "grouping", "part"], dtype=object)
    table.insert(0, "labelled_id", range(len(table)))
    return table


def class_name(raw: str) -> str:
    """`001.Black_footed_Albatross` -> `Black footed Albatross`"""
    return plain(re.sub(r"^\d+\.", "", raw.strip()).replace("_", " "))


def part_name(raw: str) -> str:
    """Left and right eye, leg and wing become eye, leg and wing."""
    return re.sub(r"^(left|right) ", "", plain(raw))


def merged_parts(points: pd.DataFrame) -> pd.DataFrame:
    """`Dataset.parts` from image_id, part (as CUB names it), x, y, visible.

    Of two merged sides every visible one keeps its row; if neither is visible, one row says so.
    """
    table = points.assign(part=points["part"].map(part_name), visible=points["visible"] == 1)
    table[["x", "y"]] = table[["x", "y"]].astype(float).where(table["visible"], float("nan"))
    seen = table.groupby(["image_id", "part"])["visible"].transform("any")
    hidden_twice = ~seen & table.duplicated(["image_id", "part"])
    kept = table[(table["visible"] | ~seen) & ~hidden_twice]
    kept = kept[["image_id", "part", "x", "y", "visible"]]
    return kept.sort_values(["image_id", "part"], kind="stable").reset_index(drop=True)
