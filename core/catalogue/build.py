"""Of tables `bank`, `stage` and `class`: what the build holds, and what it took."""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_POSITIVE = (0.0, math.inf)

BANK_FACTS = keyed(
    "bank",
    (
        Definition(
            "bank.n_concepts",
            "Concepts",
            "Directions in the bank.",
            unit="directions",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "bank.n_dead",
            "Dead",
            "Concepts that no image activates.",
            source=COMMON,
            unit="concepts",
            better="lower",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "bank.r2",
            "R²",
            "Share of token variance that is rebuilt, over the tokens of all images; at most 1. "
            "Leaderboard has it on held-out tokens alone, beside random directions.",
            formula="1 - |x - rebuilt|² / |x - mean token|²",
            unit="share",
            better="higher",
            chance="0, which the mean token gets",
            n_of="tokens of all images",
            bounds=(-math.inf, 1.0),
        ),
        Definition(
            "bank.l0",
            "L0",
            "Mean number of non-zero codes a token, over the tokens of all images. Leaderboard has "
            "it on held-out tokens alone.",
            source=COMMON,
            unit="codes",
            n_of="tokens of all images",
            bounds=_POSITIVE,
        ),
        Definition(
            "bank.code_unit",
            "A code is",
            "What a code of the bank measures, and in which unit.",
            format="text",
        ),
        Definition(
            "bank.label_level",
            "Labels",
            "Which labels trained it: one by one (image) or through the class.",
            format="text",
        ),
    ),
)
"""by column of a list of banks"""

STAGES = keyed(
    "stage",
    (
        Definition(
            "stage.seconds",
            "Time",
            "Wall clock of the stage.",
            source=COMMON,
            unit="s",
            better="lower",
            format="seconds",
            bounds=_POSITIVE,
        ),
        Definition(
            "stage.share",
            "Share",
            "The stage's part of the wall clock of the whole build.",
            formula="seconds of the stage / seconds of all stages",
            unit="share",
            format="percent",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "stage.n",
            "Work",
            "How many things the stage worked through, and what they are.",
            format="count",
            bounds=_POSITIVE,
        ),
    ),
)
"""by column"""

CLASS_FACTS = keyed(
    "class",
    (
        Definition(
            "class.n",
            "Images of the class",
            "Images that carry the class as their label.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
            short="n",
        ),
    ),
)
"""by column of a list of classes"""
