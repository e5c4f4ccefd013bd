"""Of table `concept`, and of lists of concepts: what speaks for and against a name."""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_BAU = "after Bau et al. 2017, arXiv 1704.05796"
_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)
_SIGNED = (-1.0, 1.0)

NAMES = keyed(
    "concept",
    (
        Definition(
            "concept.by",
            "Named by",
            "What the name comes from.",
            format="text",
        ),
        Definition(
            "concept.doubt",
            "Doubt",
            "Where a label is the name: what speaks against it on held-out images; "
            "elsewhere: why none is.",
            format="text",
        ),
        Definition(
            "concept.hint",
            "Hint",
            "No name: the class of most of its strongest images, where that is beyond chance, "
            "the part of the image that holds most of its map, and the colour of what its maps "
            "mark in the strongest images, where that is beyond chance.",
            format="text",
        ),
        Definition(
            "concept.name_auc",
            "Name AUC",
            "How well the score tells images with the label (of an unnamed concept or of "
            "one named by a vocabulary: with the nearest label) from those without, on "
            "held-out images.",
            source=COMMON,
            unit="AUC",
            better="higher",
            chance="0.5",
            n_of="held-out images",
            bounds=_SHARE,
        ),
        Definition(
            "concept.name_n",
            "Images behind the name AUC",
            "Held-out images behind the name AUC.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
            short="n AUC",
        ),
        Definition(
            "concept.second",
            "Second label",
            "The label that its scores tell apart second best.",
            format="text",
            short="2nd label",
        ),
        Definition(
            "concept.second_auc",
            "AUC of the second label",
            "AUC of the runner-up name.",
            source=COMMON,
            unit="AUC",
            chance="0.5",
            n_of="held-out images",
            bounds=_SHARE,
            short="2nd AUC",
        ),
        Definition(
            "concept.name_margin",
            "Name margin",
            "AUC of the label minus that of the runner-up, on train images, where names are"
            " chosen.",
            unit="AUC",
            better="higher",
            n_of="train images",
            bounds=_SIGNED,
        ),
        Definition(
            "concept.word",
            "Nearest word",
            "The nearest of the vocabulary, whether or not it is the name.",
            format="text",
        ),
        Definition(
            "concept.cosine",
            "Word cosine",
            "Cosine of the concept and its nearest word, words about their mean, -1 to 1; "
            "chance is on the concept's own page.",
            unit="cosine",
            better="higher",
            bounds=_SIGNED,
            short="Cosine",
        ),
        Definition(
            "concept.lead",
            "Word margin",
            "Cosine by which the nearest word leads the second-best.",
            unit="cosine",
            better="higher",
            bounds=(0.0, 2.0),
        ),
        Definition(
            "concept.name_iou",
            "Name IoU",
            "Overlap of the strongest tokens with the named part's mask, 0 to 1.",
            source=_BAU,
            unit="overlap",
            better="higher",
            chance="its tokens shuffled inside each image",
            n_of="held-out images with the label and its mask, of at most 300",
            bounds=_SHARE,
            short="IoU",
        ),
        Definition(
            "concept.name_iou_chance",
            "Chance of the name IoU",
            "The overlap that 99 of 100 maps stay below that are this one with its tokens shuffled "
            "inside each image: what knowing the image without the place earns.",
            unit="overlap",
            bounds=_SHARE,
            short="IoU chance",
        ),
        Definition(
            "concept.name_iou_best",
            "Best name IoU",
            "The overlap of the best map that has as many tokens in each image. A name needs 4 % "
            "of the way from chance to it, unless the masks fill their images.",
            unit="overlap",
            bounds=_SHARE,
            short="IoU best",
        ),
        Definition(
            "concept.name_iou_n",
            "Images behind the name IoU",
            "Held-out images with the label and its mask, of at most 300.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
            short="n IoU",
        ),
        Definition(
            "concept.test_accuracy",
            "Probe accuracy",
            "Held-out accuracy of the linear probe behind the concept.",
            source=COMMON,
            unit="share",
            better="higher",
            chance="max(base rate, 1 - base rate)",
            n_of="held-out images",
            bounds=_SHARE,
            short="Probe acc.",
        ),
    ),
)
"""by column of a list of concepts"""
