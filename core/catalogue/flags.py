"""Of `concept.flags`: what may be odd about a concept."""

from __future__ import annotations

from core.catalogue.definition import Definition, keyed

FLAGS = keyed(
    "flag",
    (
        Definition(
            "flag.dead",
            "Dead",
            "No image activates it.",
            format="text",
        ),
        Definition(
            "flag.rare",
            "Rare",
            "Active in fewer than 0.1 % of the images.",
            format="text",
        ),
        Definition(
            "flag.dense",
            "Dense",
            "Non-zero at more than half of all tokens.",
            format="text",
        ),
        Definition(
            "flag.single class",
            "Single class",
            "More than 90 % of its positive score lies in one class.",
            format="text",
        ),
        Definition(
            "flag.single image",
            "Single image",
            "More than 90 % of its positive score lies in one image.",
            format="text",
        ),
        Definition(
            "flag.border",
            "Border",
            "More than 90 % of its |code| lies in the outermost ring of the grid: often an "
            "artefact of padding.",
            format="text",
        ),
        Definition(
            "flag.fixed place",
            "Fixed place",
            "More than 90 % of its |code| lies in the same tenth of the grid's places, "
            "whatever the image: it may stand for a position.",
            format="text",
        ),
        Definition(
            "flag.near duplicate",
            "Near duplicate",
            "Its direction has a cosine above 0.95 with another of the bank.",
            format="text",
        ),
    ),
)
"""by flag"""
