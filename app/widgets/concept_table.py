"""One page of the concept list as a table, or as cards with maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from app import db
from app.format import concept_name, number, percent
from app.widgets import concept_names, gallery, minis, people
from data.queries import concept, concepts

COLUMNS: dict[str, tuple[str, str]] = {
    "by": ("Named by", concept_names.ABOUT),
    "doubt": (
        "Doubt",
        "Where a label is the name: what speaks against it on held-out images; "
        f"elsewhere: why none is. {concept_names.ABOUT_DOUBTS}",
    ),
    "frequency": ("Frequency, %", "Share of images with a non-zero score (signed banks: positive)"),
    "n_active": ("n active", "Images behind the frequency"),
    "peak_p99": ("Peak", "99th percentile of the largest code of an image, over active images"),
    "name_auc": (
        "Name AUC",
        "How well the score tells images with the label (of an unnamed concept or of one named by "
        "a vocabulary: with the nearest label) from those without, on held-out images; chance 0.5",
    ),
    "name_n": ("n AUC", "Held-out images behind the name AUC"),
    "second": ("2nd label", "The label that its scores tell apart second best"),
    "second_auc": ("2nd AUC", "AUC of the runner-up name"),
    "name_margin": (
        "Name margin",
        "AUC of the label minus that of the runner-up, on train images, where names are chosen",
    ),
    "word": ("Nearest word", "Of the vocabulary, whether or not it is the name"),
    "cosine": (
        "Cosine",
        "Of the concept and its nearest word, words about their mean, -1 to 1; "
        "chance is on the concept's own page",
    ),
    "lead": ("Word margin", "Cosine by which the nearest word leads the second-best"),
    "name_iou": ("IoU", "Overlap of the strongest tokens with the named part's mask, 0 to 1"),
    "name_iou_chance": ("IoU chance", "The same of as many tokens at random"),
    "name_iou_n": ("n IoU", "Held-out images with the label and its mask, of at most 300"),
    "test_accuracy": (
        "Probe acc.",
        "Held-out accuracy of the probe behind the concept; "
        "chance is max(base rate, 1 - base rate)",
    ),
    "class_entropy": (
        "Class bits",
        "Entropy of the share of |score| by class, in bits; 0: a single class",
    ),
    "position_entropy": (
        "Place bits",
        "Entropy of the mean |map| over the grid, in bits; low: always at the same place",
    ),
    "density": ("Density, %", "Share of tokens with a non-zero code (signed banks: positive)"),
    "flags": (
        "Flags",
        "dead; rare: in < 0.1 % of images; dense: at > 50 % of tokens; single class "
        "or image: > 90 % of the positive score in one; border: > 90 % of |code| in the "
        "grid's outermost ring; fixed place: > 90 % in a tenth of its places; near "
        "duplicate: cosine > 0.95 with another direction",
    ),
    "monosemanticity": (
        "Monosem.",
        "Mean cosine of the backbone's pooled activations between the "
        "concept's strongest images (24 at most)",
    ),
    "monosemanticity_chance": (
        "Monosem. chance",
        "The same cosine between all images of the store",
    ),
    "separability": (
        "Separab.",
        "Mean Jensen-Shannon distance of its scores between two classes, "
        "0 to 1, on held-out images",
    ),
    "separability_chance": ("Separab. chance", "The same separability with the classes shuffled"),
    "label_separability": (
        "Label sep.",
        "Mean Jensen-Shannon distance of its scores between "
        "images with and without a labelled concept, over labels, 0 to 1, on "
        "held-out images",
    ),
    "label_separability_chance": ("Label sep. chance", "The same with the images shuffled"),
    "nearest_cosine": (
        "Nearest",
        "Largest cosine with another direction of the bank; above 0.95: near duplicate",
    ),
    "top_lift": (
        "Top lift",
        "How much more often it fires together with another concept of the "
        "bank than if they were independent (1), for the concept with the largest; only "
        "concepts that share at least 5 images",
    ),
    "top_lift_n": ("n lift", "Images where both are active"),
    "border_share": ("At border, %", "Share of |code| in the outermost ring of the grid"),
    "class_share": ("In one class, %", "Share of the positive score in the class with most of it"),
    "image_share": ("In one image, %", "Share of the positive score in the image with most of it"),
    "skew": ("Skew", "Of the score over all images; 0: symmetric"),
    "kurtosis": (
        "Kurtosis",
        "Excess, of the score over all images; 0: normal; high: silent on most images, loud on few",
    ),
    "mean": ("Mean", "Mean score over all images, zeros included"),
    "std": ("Std", "Standard deviation of the score over all images, the root of its variance"),
}
"""column -> (title, definition)"""
PICTURES = 4


@db.cached(max_entries=32)
def _page(
    bank_id: int,
    ids: tuple[int, ...],
) -> pd.DataFrame:
    con = db.cursor()
    rows = concepts.concepts(con, bank_id, ids)
    found = concepts.thumbs(con, bank_id, ids, n=3)
    jpegs = {c: [bytes(t) for t in group["thumb"]] for c, group in found.groupby("concept_id")}
    rows["pictures"] = [minis.strip(jpegs.get(c, [])) for c in rows["concept_id"]]
    rows["title"] = [
        concept_name(n, c) for n, c in zip(rows["name"], rows["concept_id"], strict=True)
    ]
    rows["by"] = [concept_names.SOURCES.get(s, (s,))[0] for s in rows["name_source"]]
    for share in ("frequency", "density", "class_share", "image_share", "border_share"):
        rows[share] = 100 * rows[share]
    return rows


def table(bank: pd.Series, ids: Sequence[int], *, order: str, key: str) -> int | None:
    """The rows of `ids`, the column that they are in the order of first; returns the concept whose
    cell was clicked."""
    rows = _page(int(bank["bank_id"]), tuple(int(i) for i in ids))
    said = people.marks(str(bank["name"]))
    rows["people"] = [said.get(int(c), "") for c in rows["concept_id"]]
    named = ["people"] if any(rows["people"]) else []
    kept = [c for c in COLUMNS if (rows[c].notna() & (rows[c] != "")).any()]
    kept.sort(key=lambda column: column != order)
    config: dict[str, Any] = {
        "pictures": st.column_config.ImageColumn(
            "Strongest images", width=3 * minis.SIDE + 16, help="The three strongest images"
        ),
        "title": st.column_config.TextColumn("Concept", width="medium", pinned=True),
        "concept_id": st.column_config.NumberColumn("#", width=54, format="%d"),
        "people": st.column_config.TextColumn(
            "Named by people", width="small", help="What people call it; not from the build"
        ),
    }
    for column in kept:
        title, about = COLUMNS[column]
        if column == "frequency":
            config[column] = st.column_config.ProgressColumn(
                title, help=about, format="%.3g", min_value=0, max_value=100, width=118
            )
            continue
        if column in ("flags", "by", "word", "second", "doubt"):
            config[column] = st.column_config.TextColumn(title, help=about, width=110)
            continue
        whole = column in ("n_active", "name_n", "name_iou_n", "top_lift_n")
        config[column] = st.column_config.NumberColumn(
            title, help=about, format="%d" if whole else "%.3g", width=92
        )
    event = st.dataframe(
        rows,
        key=key,
        hide_index=True,
        row_height=minis.SIDE + 6,
        column_config=config,
        column_order=["pictures", "title", "concept_id", *named, *kept],
        on_select="rerun",
        selection_mode="single-cell",
        placeholder="",
        height=min(640, 42 + (minis.SIDE + 6) * len(rows)),
    )
    cells = event["selection"]["cells"]
    return int(rows["concept_id"].iloc[cells[0][0]]) if cells else None


@db.cached(max_entries=16)
def _cards(
    bank_id: int,
    ids: tuple[int, ...],
    n_tokens: int,
) -> list[dict[str, Any]]:
    con = db.cursor()
    rows = concepts.concepts(con, bank_id, ids)
    found = concepts.thumbs(con, bank_id, ids, n=PICTURES)
    pairs = list(zip(found["concept_id"], found["image_id"], strict=True))
    steps = concept.maps(con, bank_id, pairs, n_tokens=n_tokens)
    groups = []
    for _, row in rows.iterrows():
        concept_id = int(row["concept_id"])
        mine = found[found["concept_id"] == concept_id]
        groups.append(
            {
                "id": concept_id,
                "title": concept_name(row["name"], concept_id),
                "scale": float(row["map_scale"]),
                "limit": float(row["peak_p99"]),
                "items": [
                    gallery.item(r, lines=[], steps=steps.get((concept_id, int(r["image_id"]))))
                    for _, r in mine.iterrows()
                ],
                "lines": [
                    {
                        "text": f"#{concept_id} · active in {percent(row['frequency'])} "
                        f"({int(row['n_active']):,} images)"
                    },
                    {
                        "text": f"peak {number(row['peak_p99'])}"
                        + (
                            f" · word cosine {number(row['cosine'])}"
                            if row["name_source"] == "vocabulary"
                            else f" · name AUC {number(row['name_auc'])}"
                            if pd.notna(row["name_auc"])
                            else ""
                        )
                    },
                ],
            }
        )
    return groups


def cards(bank: pd.Series, ids: Sequence[int], *, grid: tuple[int, int], key: str) -> int | None:
    """The concepts of `ids` as cards; returns the one that was clicked."""
    groups = _cards(int(bank["bank_id"]), tuple(int(i) for i in ids), grid[0] * grid[1])
    said = people.marks(str(bank["name"]))
    for group in groups:
        if group["id"] in said:
            group["lines"] = [{"text": f"people: {said[group['id']]}"}, *group["lines"]]
    maps = {"signed": bool(bank["signed"]), "unit": bank["code_unit"], "limit": None}
    return gallery.show(groups, key=key, grid=grid, cards=True, maps=maps, side=120)
