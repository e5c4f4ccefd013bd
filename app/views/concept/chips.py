"""What is remarkable about a concept, each with its definition on hover."""

from __future__ import annotations

import math
from typing import Literal

import pandas as pd
import streamlit as st

from app import db
from app.format import number, percent, plain, rate, short
from app.widgets import concept_names
from data.queries import methods

FLAGS: dict[str, str] = {
    "dead": "No image activates it.",
    "rare": "Active in fewer than 0.1 % of the images.",
    "dense": "Non-zero at more than half of all tokens.",
    "single class": "More than 90 % of its positive score lies in one class.",
    "single image": "More than 90 % of its positive score lies in one image.",
    "border": "More than 90 % of its |code| lies in the outermost ring of the grid: often an "
    "artefact of padding.",
    "fixed place": "More than 90 % of its |code| lies in the same tenth of the grid's places, "
    "whatever the image: it may stand for a position.",
    "near duplicate": "Its direction has a cosine above 0.95 with another of the bank.",
}
"""of concept.flags -> what they mean"""
POOLED = {"mean": "mean", "max": "largest"}
"""bank.pool -> how codes become a score"""

Colour = Literal["red", "orange", "blue", "green", "gray"]


def chips(concept: pd.Series, bank: pd.Series, *, n_images: int) -> None:
    """Badges in one line."""
    made_by = methods.method(db.cursor(), "bank", bank["method"])
    found: list[tuple[str, Colour, str]] = [
        (
            f"{plain(short(bank['name'], 30))} #{concept['concept_id']}",
            "blue",
            f"Bank and number; made by {plain(made_by.title)}. {made_by.about} A number never "
            "changes in a store.",
        )
    ]
    for flag in filter(None, concept["flags"].split(", ")):
        found.append((flag, "red" if flag == "dead" else "orange", FLAGS.get(flag, "")))
    if not concept["flags"]:
        found.append(("no flags", "gray", f"None of: {', '.join(FLAGS)}."))
    if concept_names.weak(concept):
        about = f"On held-out images {concept_names.doubts(concept)}."
        found.append((f"weak name: {concept['doubt']}", "orange", about))
    if bank["signed"]:
        found.append(("signed", "gray", "Codes can be negative: evidence against the concept."))
    active = rate(int(concept["n_active"]), n_images)
    found.append(
        (
            f"active in {active}",
            "gray",
            "Images with a positive score." if bank["signed"] else "Images with a non-zero score.",
        )
    )
    with st.container(horizontal=True, gap="small"):
        for text, colour, about in found:
            st.badge(text, color=colour, help=about)


def numbers(concept: pd.Series, bank: pd.Series, *, n_tokens: int) -> None:
    """The figures under the header."""
    unit = bank["code_unit"]
    shown = [
        (
            "Peak",
            number(concept["peak_p99"]),
            f"99th percentile, over active images, of the largest code of an image ({unit}). "
            "The maps' colours end here.",
        ),
        (
            "Mean score",
            number(concept["mean"]),
            f"Over all images, zeros included. A score is the {POOLED[bank['pool']]} code over the "
            f"{n_tokens} tokens ({unit}).",
        ),
        (
            "Score variance",
            number(concept["std"] ** 2),
            f"Of the score over all images, zeros included; standard deviation "
            f"{number(concept['std'])} ({unit}).",
        ),
        (
            "Density",
            percent(concept["density"]),
            "Share of all tokens with a "
            f"{'positive' if bank['signed'] else 'non-zero'} code. Above 50 % it is flagged dense.",
        ),
        (
            "Present / absent",
            f"{number(concept['present_q50'])} / {number(concept['absent_q50'])}",
            "Median score where the concept is present (by label; else active), and where absent.",
        ),
        (
            "Class entropy",
            number(concept["class_entropy"], "bits"),
            "Of the share of |score| by class. 0: one class has it all.",
        ),
        (
            "Place entropy",
            number(concept["position_entropy"], "bits"),
            f"Of the mean |map| over the grid; at most {number(math.log2(max(n_tokens, 1)))} bits, "
            "which is anywhere. Low: always at the same place, often the border. Of its |code| "
            f"{percent(concept['border_share'])} lies in the outermost ring of the grid, "
            f"{percent(concept['place_share'])} in the tenth of the places that has most.",
        ),
    ]
    if concept["test_accuracy"] == concept["test_accuracy"]:
        p = concept["base_rate"]
        luck = number(100 * max(p, 1 - p)) if p == p else "unknown"
        shown.append(
            (
                "Probe accuracy",
                number(100 * concept["test_accuracy"], "%"),
                f"Of the linear probe behind this concept on held-out images; chance {luck} %. "
                f"On train {number(100 * concept['train_accuracy'])} %; AUC "
                f"{number(concept['test_auc'])} held out, {number(concept['train_auc'])} on train.",
            )
        )
    _in_a_row(shown)


def purity(concept: pd.Series) -> None:
    """Is it one thing? Each figure beside what it would be by chance."""
    alike, apart = concept["monosemanticity"], concept["separability"]
    n_top, n_held = concept["monosemanticity_n"], concept["separability_n"]
    shown = [
        (
            "Monosemanticity",
            _beside(alike, concept["monosemanticity_chance"]),
            f"Mean cosine of the backbone's pooled activations between its {int(n_top)} strongest "
            "images: how alike the model itself finds them. Beside it: between all images.",
        ),
        (
            "Class separability",
            _beside(apart, concept["separability_chance"]),
            "Mean Jensen-Shannon distance of its scores between two classes (log2, 20 shared "
            f"bins), 0 to 1, on {0 if pd.isna(n_held) else int(n_held):,} held-out images. Beside "
            "it: the same with the classes shuffled.",
        ),
        (
            "Label separability",
            _beside(concept["label_separability"], concept["label_separability_chance"]),
            "Mean Jensen-Shannon distance of its scores between images with and without a labelled "
            f"concept, 0 to 1, on held-out images, over {_count(concept['label_separability_n'])} "
            "labels. Beside it: the same with the images shuffled.",
        ),
        (
            "Nearest direction",
            number(concept["nearest_cosine"]),
            "Largest cosine with another direction of the bank, -1 to 1; above 0.95 it is flagged "
            "as a near duplicate. Which one: see its neighbours.",
        ),
        (
            "Skew / kurtosis",
            f"{number(concept['skew'])} / {number(concept['kurtosis'])}",
            "Of its scores over all images; excess kurtosis, so that a normal has 0 and 0. High: "
            "silent on most images, loud on few.",
        ),
        (
            "In one class",
            percent(concept["class_share"]),
            "Share of its positive score that lies in the class with the most of it.",
        ),
        (
            "In one image",
            percent(concept["image_share"]),
            "Share of its positive score that lies in the image with the most of it.",
        ),
    ]
    _in_a_row(shown)


def _in_a_row(shown: list[tuple[str, str, str]]) -> None:
    """Side by side, on a second line where the window is narrow: nothing is cut."""
    with st.container(horizontal=True, gap="small"):
        for label, value, about in shown:
            st.metric(label, value, help=about, width=137)


def _count(n: float) -> str:
    return "0" if pd.isna(n) else f"{int(n):,}"


def _beside(value: float, chance: float) -> str:
    return number(value) if pd.isna(chance) else f"{number(value)} / {number(chance)}"
