"""What is remarkable about a concept, each with its definition on hover."""

from __future__ import annotations

import math
from typing import Literal

import streamlit as st

from app import db
from app.format import number, percent, plain, rate, short
from app.widgets import concept_names, score_source
from core import catalogue
from core.catalogue import FLAGS
from data.queries import methods
from data.queries.build import Bank, BuildFacts
from data.queries.concept import Concept

POOLED = {
    "mean": "the mean code over the {} tokens",
    "max": "the largest code over the {} tokens",
    "cls": "the code of the image's CLS token, apart from the {} tokens of the map",
}
"""bank.pool -> what a score is"""

Colour = Literal["red", "orange", "blue", "green", "gray"]


def chips(concept: Concept, bank: Bank, facts: BuildFacts) -> None:
    """Badges in one line."""
    made_by = methods.method(db.cursor(), "bank", bank.method)
    found: list[tuple[str, Colour, str]] = [
        (
            f"{plain(short(bank.name, 30))} #{concept.concept_id}",
            "blue",
            f"Bank and number; made by {plain(made_by.title)}. {plain(made_by.about)} A number "
            "never changes in a store.",
        )
    ]
    for flag in filter(None, concept.flags.split(", ")):
        found.append(
            (flag, "red" if flag == "dead" else "orange", catalogue.of(f"flag.{flag}").meaning)
        )
    if not concept.flags:
        found.append(("no flags", "gray", f"None of: {', '.join(FLAGS)}."))
    if concept_names.weak(concept):
        about = f"On held-out images {concept_names.doubts(concept)}."
        found.append((f"weak name: {concept.doubt}", "orange", about))
    if bank.signed:
        found.append(("signed", "gray", "Codes can be negative: evidence against the concept."))
    source = score_source.of(bank, facts)
    agreed = score_source.agreement(concept)
    found.append((source.badge, source.colour, f"{source.about} {agreed}".strip()))
    active = rate(concept.n_active, facts.n_images)
    found.append(
        (
            f"active in {active}",
            "gray",
            "Images with a positive score." if bank.signed else "Images with a non-zero score.",
        )
    )
    with st.container(horizontal=True, gap="small"):
        for text, shade, about in found:
            st.badge(text, color=shade, help=about)
    if bank.pool == "cls":
        st.caption(f"{source.about} {agreed}".strip())


def numbers(concept: Concept, bank: Bank, *, n_tokens: int) -> None:
    """The figures under the header."""
    unit = plain(bank.code_unit)
    shown = [
        _figure("peak_p99", number(concept.peak_p99), f"In {unit}."),
        _figure(
            "mean",
            number(concept.mean),
            f"A score is {POOLED[bank.pool].format(n_tokens)} ({unit}).",
        ),
        (
            "Score variance",
            number(concept.std**2),
            f"The square of {number(concept.std)} ({unit}). {catalogue.of('concept.std').help}",
        ),
        _figure(
            "density",
            percent(concept.density),
            "" if bank.signed else "Above 50 % it is flagged dense.",
        ),
        _figure("present_q50", f"{number(concept.present_q50)} / {number(concept.absent_q50)}"),
        _figure("class_entropy", number(concept.class_entropy, "bits")),
        _figure(
            "position_entropy",
            number(concept.position_entropy, "bits"),
            f"At most {number(math.log2(max(n_tokens, 1)))} bits, which is anywhere. Of its |code| "
            f"{percent(concept.border_share)} lies in the outermost ring of the grid, "
            f"{percent(concept.place_share)} in the tenth of the places that has most.",
        ),
    ]
    if concept.test_accuracy is not None:
        p = concept.base_rate
        luck = "unknown" if p is None else percent(max(p, 1 - p))
        shown.append(
            _figure(
                "test_accuracy",
                percent(concept.test_accuracy),
                f"Chance here is {luck}. On train {percent(concept.train_accuracy)}; "
                f"AUC {number(concept.test_auc)} held out, {number(concept.train_auc)} on "
                "train.",
            )
        )
    _in_a_row(shown)


def purity(concept: Concept) -> None:
    """Is it one thing? Each figure beside what it would be by chance."""
    shown = [
        _figure(
            "monosemanticity",
            _beside(concept, "monosemanticity"),
            _n(concept.monosemanticity_n),
        ),
        _figure(
            "separability",
            _beside(concept, "separability"),
            _n(concept.separability_n),
        ),
        _figure(
            "label_separability",
            _beside(concept, "label_separability"),
            _n(concept.label_separability_n),
        ),
        _figure("nearest_cosine", number(concept.nearest_cosine), "Which one: see its neighbours."),
        (
            "Skew / kurtosis",
            f"{number(concept.skew)} / {number(concept.kurtosis)}",
            f"{catalogue.of('concept.skew').help} {catalogue.of('concept.kurtosis').help}",
        ),
        _figure("class_share", percent(concept.class_share)),
        _figure("image_share", percent(concept.image_share)),
    ]
    _in_a_row(shown)


def _in_a_row(shown: list[tuple[str, str, str]]) -> None:
    """Side by side, on a second line where the window is narrow: nothing is cut."""
    with st.container(horizontal=True, gap="small"):
        for label, value, about in shown:
            st.metric(label, value, help=about, width=137)


def _n(n: int | None) -> str:
    return f"Here n is {n or 0:,}."


def _beside(concept: Concept, column: str) -> str:
    """A value and its chance."""
    value, chance = getattr(concept, column), getattr(concept, f"{column}_chance")
    return number(value) if chance is None else f"{number(value)} / {number(chance)}"


def _figure(column: str, value: str, further: str = "") -> tuple[str, str, str]:
    """Title, value and hover of a column of the concept."""
    one = catalogue.of(f"concept.{column}")
    return one.title, value, f"{one.help} {further}".strip()
