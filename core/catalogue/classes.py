"""Of a head's classes: confusions and dominant concepts."""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)

CONFUSIONS = keyed(
    "confusion",
    (
        Definition(
            "confusion.recall",
            "Recall",
            "Of the class's images, those the head finds.",
            source=COMMON,
            unit="share",
            better="higher",
            format="percent",
            n_of="images that carry the class",
            bounds=_SHARE,
        ),
        Definition(
            "confusion.carried",
            "n carry it",
            "Images that carry the class.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "confusion.precision",
            "Precision",
            "Of the labelled images that the head takes for the class, those that are.",
            source=COMMON,
            unit="share",
            better="higher",
            format="percent",
            n_of="labelled images that the head takes for the class",
            bounds=_SHARE,
        ),
        Definition(
            "confusion.taken",
            "n taken",
            "Labelled images that the head takes for the class.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "confusion.missed",
            "This taken for it",
            "Images of this class that the head takes for the other.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "confusion.mistaken",
            "It taken for this",
            "Images of the other class that the head takes for this class.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
    ),
)
"""by column"""

DOMINANCE = keyed(
    "dominance",
    (
        Definition(
            "dominance.prevalence",
            "Prevalence",
            "Share of the split's images whose dominant concept it is.",
            unit="share",
            format="percent",
            n_of="images of the split",
            bounds=_SHARE,
        ),
        Definition(
            "dominance.n",
            "n",
            "Images of the split whose dominant concept it is.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "dominance.reliability",
            "Reliability",
            "Accuracy of the head on those of them that carry a label; empty where none does.",
            unit="share",
            better="higher",
            format="percent",
            n_of="labelled images whose dominant concept it is",
            bounds=_SHARE,
        ),
        Definition(
            "dominance.n_labelled",
            "n labelled",
            "Labelled images of the split whose dominant concept it is, those behind the "
            "reliability.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
    ),
)
"""by column"""
