"""Of table `effect`: what edits of single latents do to the backbone."""

from __future__ import annotations

import math

from core.catalogue.definition import Definition, keyed

_SHARE = (0.0, 1.0)
_POSITIVE = (0.0, math.inf)

EFFECTS = keyed(
    "effect",
    (
        Definition(
            "effect.images",
            "Images",
            "Which images the edit was run on. Active: those with the latent's highest "
            "scores; silent: the lowest; both.",
            format="text",
        ),
        Definition(
            "effect.n",
            "n",
            "Images that the edit was run on.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "effect.n_edited",
            "Edited",
            "Images of the n whose codes the edit changes.",
            unit="images",
            format="count",
            bounds=_POSITIVE,
        ),
        Definition(
            "effect.change",
            "Change",
            "Change of the logit of the class predicted before, mean over the n images. Where an "
            "image can carry several labels it is that of the most probable one.",
            unit="logits",
            chance="the same step along a random direction of equal length",
            n_of="images",
        ),
        Definition(
            "effect.control_change",
            "Random",
            "The same step along a random direction of equal length.",
            unit="logits",
            n_of="images",
        ),
        Definition(
            "effect.flipped",
            "Flipped",
            "Share of the n images whose predicted class changes. Where an image can carry several "
            "labels: of which some label is said and was not, or no longer is, each at its "
            "threshold.",
            unit="share",
            chance="the same along a random direction",
            format="percent",
            n_of="images",
            bounds=_SHARE,
        ),
        Definition(
            "effect.control_flipped",
            "Random flipped",
            "Share of the n images whose predicted class, or any of several labels, changes along "
            "a random direction of equal length.",
            unit="share",
            format="percent",
            n_of="images",
            bounds=_SHARE,
        ),
    ),
)
"""by column"""
