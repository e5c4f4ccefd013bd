"""The pages: title, icon, and which parts of the address each takes up again."""

from __future__ import annotations

from typing import NamedTuple

KEYS: dict[str, str] = {
    "s": "store",
    "b": "bank",
    "c": "concept",
    "i": "image",
    "h": "head",
    "y": "class",
    "m": "saliency method",
    "q": "search among concepts",
    "o": "order of concepts",
    "f": "filters of concepts",
    "v": "view of concepts: table, gallery, map or tree",
    "p": "page of the list",
    "e": "edits of concepts",
    "t": "tab of the laboratory",
    "w": "whether other concepts follow an edit",
    "g": "edits of the head",
    "r": "regions of the image",
    "u": "what present and absent set a concept to",
    "l": "edits kept for comparison",
    "le": "an edit of latents",
    "ta": "images that an edit of latents is aimed at",
    "rs": "images that it should spare",
    "a": "first image set",
    "z": "second image set",
    "k": "what is compared, or what comes worst first",
    "d": "temperature or threshold",
    "x": "what is listed of a class; the split of metrics",
    "im": "whose logit is explained and how",
    "n": "the other store",
    "j": "its bank",
    "lc": "labelled concepts",
}
"""every part of the address that means something"""


class Page(NamedTuple):
    """`views/<name>/page.py`, under the address `/<name>`."""

    title: str
    icon: str
    """a Material symbol's name"""
    keys: tuple[str, ...] = ()
    """parts of the address that it takes up again when the menu opens it without any of them"""


PAGES: dict[str, Page] = {
    "overview": Page("Overview", "home"),
    "concepts": Page("Concepts", "grid_view", ("b", "q", "o", "f", "v")),
    "concept": Page("Concept", "center_focus_strong", ("b", "c", "q", "o", "f")),
    "image": Page("Image", "image_search", ("b", "c", "i", "m", "h")),
    "classes": Page("Classes", "category", ("h", "y", "x", "im")),
    "differences": Page("Differences", "compare_arrows", ("b", "a", "z", "k", "d")),
    "intervene": Page(
        "Intervene",
        "tune",
        ("h", "i", "y", "e", "t", "g", "w", "r", "u", "l", "ta", "rs", "le"),
    ),
    "leaderboard": Page("Leaderboard", "leaderboard", ("b",)),
    "metrics": Page("Metrics", "straighten", ("b", "x", "k")),
    "depth": Page("Depth", "layers", ("lc",)),
    "compare": Page("Compare", "join_inner", ("b", "n", "j", "k", "d")),
}
"""in the order of the menu; the first opens where the address names none"""
