"""Of pairs of concepts of two banks."""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)
_SIGNED = (-1.0, 1.0)

PAIRS = keyed(
    "pair",
    (
        Definition(
            "pair.scores",
            "Scores",
            "Correlation of the two concepts' scores over the shared images.",
            source=COMMON,
            unit="correlation",
            better="higher",
            n_of="shared images",
            bounds=_SIGNED,
        ),
        Definition(
            "pair.maps",
            "Maps",
            "Correlation of the two concepts' maps over the tokens of shared images: "
            "whether they fire at the same places.",
            source=COMMON,
            unit="correlation",
            better="higher",
            n_of="tokens of shared images",
            bounds=_SIGNED,
        ),
        Definition(
            "pair.cosine",
            "Cosine",
            "Cosine of the two directions, where both banks live in one space.",
            source=COMMON,
            unit="cosine",
            better="higher",
            bounds=_SIGNED,
        ),
        Definition(
            "pair.active_a",
            "in A",
            "Share of the shared images on which A's concept has a positive score.",
            unit="share",
            format="percent",
            n_of="shared images",
            bounds=_SHARE,
        ),
        Definition(
            "pair.active_b",
            "in B",
            "Share of the shared images on which B's concept has a positive score.",
            unit="share",
            format="percent",
            n_of="shared images",
            bounds=_SHARE,
        ),
        Definition(
            "pair.change",
            "Change",
            "Difference of the two shares, in percentage points.",
            unit="share",
            format="points",
            n_of="shared images",
            bounds=_SIGNED,
        ),
        Definition(
            "pair.shift",
            "Shift",
            "Size of the concept's shift vector: mean of B's minus A's pooled activations "
            "over the images where A's concept is active, in units of activation.",
            source="Khayatan et al. 2025, arXiv 2501.03012",
            unit="activation",
            n_of="images where A's concept is active",
            bounds=_POSITIVE,
        ),
        Definition(
            "pair.along",
            "Along",
            "Cosine of the shift vector with A's direction: above 0 its images move further"
            " along it, below 0 back.",
            unit="cosine",
            bounds=_SIGNED,
        ),
        Definition(
            "pair.best",
            "Best",
            "Largest likeness with any concept of the other side, taken or not.",
            unit="correlation or cosine",
            bounds=_SIGNED,
        ),
        Definition(
            "pair.best_match",
            "Best match",
            "The concept of the other side that it is most like.",
            format="text",
        ),
    ),
)
"""by column of a comparison of two banks"""
