"""Of what the laboratory works out for an edit: scores, logits, and what follows it."""

from __future__ import annotations

import math

from core.catalogue.definition import COMMON, Definition, keyed

_POSITIVE = (0.0, math.inf)

EDITS = keyed(
    "edit",
    (
        Definition(
            "edit.score",
            "Score",
            "How strongly the image shows a concept, in the bank's unit; the mean (or, where the "
            "bank says so, the maximum) of its map over the image.",
            unit="the bank's code",
        ),
        Definition(
            "edit.logit",
            "Logit",
            "Bias of the class + sum over concepts of weight × score (+ the rest, for heads that "
            "carry one). An edit sets scores; weights and image stay.",
            source=COMMON,
            unit="logits",
            short="z",
        ),
        Definition(
            "edit.probability",
            "Probability",
            "Softmax of the logits over the head's classes.",
            formula="exp(z) / sum over classes of exp(z)",
            source=COMMON,
            unit="share",
            bounds=(0.0, 1.0),
            short="p",
        ),
        Definition(
            "edit.margin",
            "Margin",
            "Largest minus second largest probability.",
            source=COMMON,
            unit="share",
            bounds=(0.0, 1.0),
        ),
        Definition(
            "edit.entropy",
            "Entropy",
            "How undecided the prediction is, in bits; 0: certain.",
            source=COMMON,
            unit="bits",
            bounds=_POSITIVE,
        ),
        Definition(
            "edit.off_distribution",
            "Off-distribution",
            "No image of the store has such a score; what the head says there was never tested.",
            format="text",
        ),
        Definition(
            "edit.unusual",
            "Unusual",
            "Outside the middle 99 % of the train images, and outside what is usual (5 to 95 %) "
            "for those that show the concept or do not.",
            format="text",
        ),
    ),
)
"""by what is told of an edit"""

FOLLOWED = keyed(
    "followed",
    (
        Definition(
            "followed.spreads",
            "Spreads",
            "Change of the score in standard deviations over the train images.",
            unit="standard deviations",
            format="signed",
        ),
        Definition(
            "followed.presence",
            "Presence",
            "Change of the probability that the concept is present.",
            unit="probability",
            format="signed",
            bounds=(-1.0, 1.0),
        ),
        Definition(
            "followed.logits",
            "Logits",
            "What the change of the concept's score adds to the logit of the class that is then "
            "predicted.",
            formula="weight x change of the score",
            unit="logits",
            format="signed",
        ),
        Definition(
            "followed.n",
            "n",
            "Train images counted for the rarest of the edits, in the state it was set to; small "
            "numbers say little.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
    ),
)
"""by column of the concepts that follow an edit"""
