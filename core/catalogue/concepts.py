"""Of table `concept`, and of lists of concepts: strength, purity and place."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.catalogue.definition import COMMON, Definition, keyed
from core.catalogue.names import NAMES

_DISTANCE = "after arXiv 2508.15094"
_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)
_SIGNED = (-1.0, 1.0)

CONCEPT = keyed(
    "concept",
    (
        Definition(
            "concept.people",
            "Named by people",
            "What people call it; not from the build.",
            format="text",
        ),
        Definition(
            "concept.frequency",
            "Frequency",
            "Share of images with a non-zero score (signed banks: positive).",
            source=COMMON,
            unit="share",
            format="percent",
            n_of="images",
            bounds=_SHARE,
        ),
        Definition(
            "concept.n_active",
            "Active images",
            "Images with a non-zero score (signed banks: positive), those behind the frequency.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
            short="n active",
        ),
        Definition(
            "concept.peak_p99",
            "Peak",
            "99th percentile of the largest code of an image, over active images. The maps'"
            " colours end here.",
            unit="the bank's code",
            n_of="active images",
            bounds=_POSITIVE,
        ),
        Definition(
            "concept.class_entropy",
            "Class entropy",
            "Entropy of the share of |score| by class, in bits; 0: a single class has it all. "
            "Empty where an image can carry several labels, which do not share its score.",
            source=COMMON,
            unit="bits",
            bounds=_POSITIVE,
            short="Class bits",
        ),
        Definition(
            "concept.position_entropy",
            "Place entropy",
            "Entropy of the mean |map| over the grid, in bits; low: always at the same "
            "place, often the border.",
            source=COMMON,
            unit="bits",
            bounds=_POSITIVE,
            short="Place bits",
        ),
        Definition(
            "concept.density",
            "Density",
            "Share of tokens with a non-zero code (signed banks: positive).",
            source=COMMON,
            unit="share",
            format="percent",
            n_of="tokens",
            bounds=_SHARE,
        ),
        Definition(
            "concept.flags",
            "Flags",
            "What is odd about the concept; each flag has a definition of its own.",
            format="text",
        ),
        Definition(
            "concept.monosemanticity",
            "Monosemanticity",
            "Mean cosine of the backbone's pooled activations between the concept's "
            "strongest images (24 at most): how alike the model itself finds them.",
            unit="cosine",
            better="higher",
            chance="between all images of the store",
            n_of="strongest images",
            bounds=_SIGNED,
            short="Monosem.",
        ),
        Definition(
            "concept.monosemanticity_chance",
            "Chance of monosemanticity",
            "The mean cosine of the backbone's pooled activations between all images of the store.",
            unit="cosine",
            bounds=_SIGNED,
            short="Monosem. chance",
        ),
        Definition(
            "concept.separability",
            "Class separability",
            "Mean Jensen-Shannon distance of its scores between two classes, 0 to 1, on "
            "held-out images. Where an image can carry several labels, between images with and "
            "without each of them.",
            formula="√JSD with log2 over 20 shared bins; the mean over pairs of classes, or over "
            "labels",
            source=_DISTANCE,
            unit="distance",
            better="higher",
            chance="the classes shuffled",
            n_of="held-out labelled images",
            bounds=_SHARE,
            short="Separab.",
        ),
        Definition(
            "concept.separability_chance",
            "Chance of class separability",
            "The same separability with the classes shuffled.",
            unit="distance",
            bounds=_SHARE,
            short="Separab. chance",
        ),
        Definition(
            "concept.label_separability",
            "Label separability",
            "Mean Jensen-Shannon distance of its scores between images with and without a "
            "labelled concept, over labels, 0 to 1, on held-out images.",
            source=_DISTANCE,
            unit="distance",
            better="higher",
            chance="the images shuffled",
            n_of="labels",
            bounds=_SHARE,
            short="Label sep.",
        ),
        Definition(
            "concept.label_separability_chance",
            "Chance of label separability",
            "The same label separability with the images shuffled.",
            unit="distance",
            bounds=_SHARE,
            short="Label sep. chance",
        ),
        Definition(
            "concept.map_r",
            "Score and map",
            "Correlation over images of its score with the mean of its map, -1 to 1, of a bank "
            "whose scores are read from the CLS token: the map shows the same direction over the "
            "patches. Its interval is the jackknife's, which also holds where most codes are 0; "
            "there is none where fewer than 10 images tell.",
            source=COMMON,
            unit="correlation",
            chance="its mean size with the images shuffled",
            n_of="held-out images",
            bounds=_SIGNED,
        ),
        Definition(
            "concept.nearest_cosine",
            "Nearest direction",
            "Largest cosine with another direction of the bank, -1 to 1; above 0.95 it is "
            "flagged as a near duplicate.",
            source=COMMON,
            unit="cosine",
            bounds=_SIGNED,
            short="Nearest",
        ),
        Definition(
            "concept.top_lift",
            "Top lift",
            "How much more often it fires together with another concept of the bank than if"
            " they were independent (1), for the concept with the largest; only concepts "
            "that share at least 5 images.",
            source=COMMON,
            unit="ratio",
            chance="1, independent concepts",
            n_of="images where both are active",
            bounds=_POSITIVE,
        ),
        Definition(
            "concept.top_lift_n",
            "Images behind the top lift",
            "Images where both are active.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
            short="n lift",
        ),
        Definition(
            "concept.border_share",
            "At the border",
            "Share of |code| in the outermost ring of the grid.",
            unit="share",
            format="percent",
            bounds=_SHARE,
            short="At border",
        ),
        Definition(
            "concept.class_share",
            "In one class",
            "Share of the positive score in the class with most of it.",
            unit="share",
            format="percent",
            bounds=_SHARE,
        ),
        Definition(
            "concept.image_share",
            "In one image",
            "Share of the positive score in the image with most of it.",
            unit="share",
            format="percent",
            bounds=_SHARE,
        ),
        Definition(
            "concept.skew",
            "Skew",
            "Skewness of the score over all images; 0: symmetric.",
            source=COMMON,
            n_of="images",
        ),
        Definition(
            "concept.kurtosis",
            "Kurtosis",
            "Excess kurtosis of the score over all images; 0: normal; high: silent on most "
            "images, loud on few.",
            source=COMMON,
            n_of="images",
        ),
        Definition(
            "concept.mean",
            "Mean score",
            "Mean score over all images, zeros included.",
            source=COMMON,
            unit="the bank's code",
            n_of="images",
            short="Mean",
        ),
        Definition(
            "concept.std",
            "Standard deviation",
            "Standard deviation of the score over all images, zeros included; the root of "
            "its variance.",
            source=COMMON,
            unit="the bank's code",
            n_of="images",
            bounds=_POSITIVE,
            short="Std",
        ),
        Definition(
            "concept.present_q50",
            "Present / absent",
            "Median score where the concept is present (by label; else active), and where absent.",
            source=COMMON,
            unit="the bank's code",
        ),
    ),
)
"""by column of a list of concepts; a new one becomes a column and an order of the list"""
_FIRST = ("by", "doubt", "frequency", "n_active", "peak_p99")
_ELSEWHERE = ("people", "present_q50")
"""on the list where people named one, and on the page of a concept"""
_ALL = {**NAMES, **CONCEPT}
CONCEPT_COLUMNS: Mapping[str, Definition] = {
    name: _ALL[name] for name in (*_FIRST, *_ALL) if name not in _ELSEWHERE
}
"""the columns of a list of concepts, in the order shown"""
