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
            "Score of the concept, before or after the edits; a dash where it is not edited, so "
            "that the model's own holds.",
            unit="the bank's code",
        ),
        Definition(
            "edit.logit",
            "Logit",
            "What the head says of the class, before the softmax.",
            source=COMMON,
            unit="logits",
            short="z",
        ),
        Definition(
            "edit.probability",
            "Probability",
            "The class's share of the softmax over all classes of the head.",
            formula="exp(z) / sum over classes of exp(z)",
            source=COMMON,
            unit="share",
            bounds=(0.0, 1.0),
            short="p",
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
