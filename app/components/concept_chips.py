"""What is remarkable about a concept, each with its definition on hover."""

from __future__ import annotations

import math
from typing import Literal

import pandas as pd
import streamlit as st

from app.components.format import number, plain, rate, short

RARE = 0.01
"""below this share of images a concept is called rare"""
DENSE = 0.2
"""above this share of tokens a concept of a sparse bank is called dense"""
SINGLE = 0.35
"""bits: below, one class has well over nine tenths of the score"""

Colour = Literal["red", "orange", "blue", "green", "gray"]


def chips(concept: pd.Series, bank: pd.Series, *, n_images: int, n_classes: int) -> None:
    """Badges in one line."""
    found: list[tuple[str, Colour, str]] = [
        (
            f"{plain(short(bank['name'], 30))} #{concept['concept_id']}",
            "blue",
            f"Bank and number; made by {plain(bank['method'])}. A number never changes in a store.",
        )
    ]
    if concept["map_scale"] == 0:
        found.append(("dead", "red", "No image activates it."))
    elif concept["frequency"] < RARE:
        found.append(("rare", "orange", f"Active in fewer than {100 * RARE:g} % of the images."))
    if not bank["dense"] and concept["density"] > DENSE:
        found.append(("dense", "orange", f"Non-zero at more than {100 * DENSE:g} % of the tokens."))
    entropy = concept["class_entropy"]
    if n_classes > 1 and entropy == entropy and concept["map_scale"] > 0 and entropy < SINGLE:
        found.append(
            (
                "single class",
                "orange",
                f"Its score lies almost only in one class: "
                f"{number(entropy)} bits of at most {number(math.log2(n_classes))}.",
            )
        )
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


def naming(concept: pd.Series) -> None:
    """Where the name comes from, how well it fits, and what came second."""
    if concept["name_source"] == "unnamed" or not isinstance(concept["name"], str):
        st.caption("Unnamed: no labelled concept matches its scores well enough.")
        return
    parts = [
        "Fitted to this label"
        if concept["name_source"] == "label"
        else "Named after the best-matching label"
    ]
    if concept["name_auc"] == concept["name_auc"]:
        n = concept["name_n"]
        of = f" on {int(n):,} held-out images" if n == n else ""
        parts.append(f"AUC {number(concept['name_auc'])}{of} (chance 0.5)")
    if isinstance(concept["second"], str) and concept["second_auc"] == concept["second_auc"]:
        margin = concept["name_auc"] - concept["second_auc"]
        parts.append(
            f"runner-up “{plain(short(concept['second'], 40))}” at "
            f"{number(concept['second_auc'])} (margin {number(margin)})"
        )
    if concept["name_iou"] == concept["name_iou"]:
        part = concept["part"]
        where = f" of {plain(short(part, 30))}" if isinstance(part, str) else ""
        parts.append(f"IoU {number(concept['name_iou'])} with the mask{where}")
    st.caption(" · ".join(parts))


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
            f"Over all images, zeros included; standard deviation {number(concept['std'])}. "
            f"A score is the mean code over the {n_tokens} tokens ({unit}).",
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
            "which is anywhere. Low: always at the same place, often the border.",
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
    for column, (label, value, about) in zip(st.columns(len(shown)), shown, strict=True):
        column.metric(label, value, help=about)
