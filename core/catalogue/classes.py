"""Of a head's classes: confusions, dominant concepts, and what a logit rests on."""

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

IMPORTANCE = keyed(
    "importance",
    (
        Definition(
            "importance.value",
            "Importance",
            "What the class's logit rests on by the method, mean over the images of the class.",
            unit="that of the method",
            n_of="images of the class behind the mean",
            short="Mean",
        ),
        Definition(
            "importance.share",
            "Share of the size",
            "Size of the contribution, summed over the images, over that of all concepts: 0 to "
            "100 %, whichever way they work; bias and rest have none.",
            formula="sum over images of |contribution| / the same of all concepts",
            unit="share",
            format="percent",
            n_of="images of the class behind the mean",
            bounds=_SHARE,
            short="Of the size",
        ),
        Definition(
            "importance.of_change",
            "Share of the change",
            "Value over what all concepts together change: the mean logit minus that without any "
            "concept. Negative: it works against what all of them do.",
            formula="value / (mean logit - mean logit without any concept)",
            unit="ratio",
            format="percent",
            n_of="images of the class behind the mean",
            short="Of the change",
        ),
        Definition(
            "importance.n",
            "n images",
            "Images of the class behind the mean.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
    ),
)
"""by column"""

PARTS = keyed(
    "explanation",
    (
        Definition(
            "explanation.part",
            "Part of the mean logit",
            "Mean over the images that the head takes for the class; the column adds up to the "
            "mean logit.",
            formula="of a concept: mean of weight x score",
            unit="logits",
            n_of="images that the head takes for the class",
            short="Mean, logits",
        ),
        Definition(
            "explanation.of_logit",
            "Share of the logit",
            "Mean contribution over (mean logit - bias): with the rest it adds up to 100 %. "
            "Negative: it works against what all parts together do, so where the logit lies below "
            "its bias, what is for the class is negative. Where parts for and against nearly "
            "cancel, the sum is near 0 and shares pass 100 % without anything being large: then go "
            "by the logits.",
            formula="mean contribution / (mean logit - bias)",
            unit="ratio",
            format="percent",
            n_of="images that the head takes for the class",
            short="Of the logit",
        ),
    ),
)
"""by what is told of a part of a class's mean logit"""
