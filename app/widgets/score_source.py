"""What an image's scores are read from, and whether maps add up to them: a badge on every page that
shows both."""

from __future__ import annotations

from typing import Literal, NamedTuple

import streamlit as st

from app import db
from app.format import number
from core.counted import counted
from data.queries import build
from data.queries.build import Bank, BuildFacts
from data.queries.concept import Concept


class Source(NamedTuple):
    badge: str
    colour: Literal["green", "blue", "orange"]
    about: str


def of(bank: Bank, facts: BuildFacts) -> Source:
    if bank.pool == "mean":
        return Source(
            "score = mean of its map",
            "green",
            "Map and score decompose exactly: the score of an image is the mean of the map over "
            "its patches.",
        )
    if bank.pool == "max":
        return Source(
            "score = largest code on its map",
            "blue",
            "The score is the largest code on the map; the other patches add nothing to it.",
        )
    told = [
        "The score is read from the CLS token; the map shows the same direction over patches and "
        "does not sum to it."
    ]
    if facts.reads_patches is False:
        told.append(
            f"At the layer {facts.layer} the model no longer reads patches, so no logit rests on "
            "what the map shows."
        )
    if facts.cls_linear:
        told.append("Logits are linear in this CLS token, so a head of kind backbone is exact.")
    return Source("score from the CLS token", "orange", " ".join(told))


def agreement(concept: Concept) -> str:
    """How far the map goes along with the score, a sentence; "": the score is read from the map,
    or one of both does not vary."""
    if concept.map_r is None or concept.map_r_n is None:
        return ""
    within = (
        f"95 % interval {number(concept.map_r_lo)} to {number(concept.map_r_hi)}, "
        if concept.map_r_lo is not None
        else ""
    )
    return (
        f"Over {counted(concept.map_r_n, 'image')} the score and the mean of the map correlate by "
        f"{number(concept.map_r)} ({within}{number(concept.map_r_chance)} in size with the images "
        "shuffled)."
    )


def show(bank: Bank) -> None:
    """The badge, and what it means beside it."""
    source = of(bank, build.build(db.cursor()))
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.badge(source.badge, color=source.colour, help=source.about)
        st.caption(source.about, width="content")
