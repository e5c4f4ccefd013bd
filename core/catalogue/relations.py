"""Of tables `concept_class`, `label_score` and `neighbour`: a concept beside others."""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_BAU = "after Bau et al. 2017, arXiv 1704.05796"
_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)
_SIGNED = (-1.0, 1.0)

CLASSES = keyed(
    "concept_class",
    (
        Definition(
            "concept_class.n",
            "Images of the class",
            "Images of the class.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
            short="n",
        ),
        Definition(
            "concept_class.mean",
            "Mean in the class",
            "Mean score in the class.",
            source=COMMON,
            unit="the bank's code",
            n_of="images of the class",
            short="Mean",
        ),
        Definition(
            "concept_class.difference",
            "Difference",
            "Mean score in the class minus the mean outside it.",
            source=COMMON,
            unit="the bank's code",
            short="Δ",
        ),
        Definition(
            "concept_class.auc",
            "AUC of the class",
            "Class against the rest by score.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            bounds=_SHARE,
            short="AUC",
        ),
    ),
)
"""by column"""

LABELS = keyed(
    "label_score",
    (
        Definition(
            "label_score.auc",
            "AUC of the label",
            "How well the score tells images with the label from those without.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of="held-out images with a known label",
            bounds=_SHARE,
            short="AUC",
        ),
        Definition(
            "label_score.n",
            "Images with a known label",
            "Held-out images with a known label.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
            short="n",
        ),
        Definition(
            "label_score.iou",
            "IoU of the label",
            "Overlap of the strongest tokens with the masks of the label's part, 0 to 1, "
            "over all masked images together; as many tokens as the masks cover.",
            source=_BAU,
            unit="overlap",
            better="higher",
            chance="its tokens shuffled inside each image",
            n_of="held-out images with the label and its mask, of at most 300 looked at",
            bounds=_SHARE,
            short="IoU",
        ),
        Definition(
            "label_score.iou_chance",
            "Chance of the IoU",
            "IoU that 99 of 100 maps stay below that are this one with its tokens shuffled inside "
            "each image.",
            unit="overlap",
            bounds=_SHARE,
            short="Chance",
        ),
        Definition(
            "label_score.iou_best",
            "Best IoU",
            "IoU of the best map that has as many tokens in each image.",
            unit="overlap",
            bounds=_SHARE,
            short="Best",
        ),
        Definition(
            "label_score.iou_n",
            "Images behind the IoU",
            "Held-out images with the label and its mask, of at most 300 looked at.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
            short="n IoU",
        ),
    ),
)
"""by column"""

NEIGHBOURS = keyed(
    "neighbour",
    (
        Definition(
            "neighbour.cosine",
            "Cosine",
            "Cosine of the two directions, -1 to 1.",
            source=COMMON,
            unit="cosine",
            bounds=_SIGNED,
        ),
        Definition(
            "neighbour.lift",
            "Lift",
            "How much more often both are active than if they were independent; 1: independent.",
            source=COMMON,
            unit="ratio",
            chance="1, independent concepts",
            n_of="images where both are active",
            bounds=_POSITIVE,
        ),
        Definition(
            "neighbour.n",
            "Images with both",
            "Images where both are active.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
            short="n",
        ),
    ),
)
"""by kind of neighbour, and n"""
