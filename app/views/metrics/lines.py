"""Which metrics are shown together, and how their settings are written."""

from __future__ import annotations

import json
from typing import NamedTuple

import pandas as pd

from app.format import MISSING, number, plain
from core.catalogue import METRICS, of

NO_SETTINGS = "none"


class Line(NamedTuple):
    """One metric under one setting."""

    name: str
    label: str
    settings: tuple[tuple[str, str | int], ...] = ()

    @property
    def variant(self) -> str:
        """As stored."""
        return json.dumps(dict(self.settings), sort_keys=True)

    @property
    def about(self) -> str:
        """Meaning, formula and what is counted, for a tooltip."""
        return of(f"metric.{self.name}").help


class Question(NamedTuple):
    title: str
    caption: str
    lines: tuple[Line, ...]


def _cem(
    length: int, evidence: str = "all", images: str = "all", *, by_class: bool = False
) -> tuple[tuple[str, str | int], ...]:
    level = (("labels", "class"),) if by_class else ()
    return (("evidence", evidence), ("images", images), ("l", length), *level)


def _clm(alpha: int, denominator: str, ranked: str) -> tuple[tuple[str, str | int], ...]:
    return (("alpha", alpha), ("denominator", denominator), ("l", 5), ("ranked", ranked))


QUESTIONS = (
    Question(
        "Is the answer right, and are few concepts enough?",
        "Where random directions do as well, the accuracy says nothing for the concepts.",
        (
            Line("class_accuracy", "Class accuracy"),
            Line("nec_accuracy", "With 5 concepts a class", (("n", 5),)),
            Line("completeness", "Of the backbone's accuracy"),
        ),
    ),
    Question(
        "Are labels told of which an image can carry several?",
        "Of each label alone, mean over labels. Where random directions do as well, it says "
        "nothing for the concepts.",
        (
            Line("macro_auc", "AUROC, mean of labels"),
            Line("macro_ap", "Average precision, mean of labels"),
        ),
    ),
    Question(
        "Do scores say what the concepts are named for?",
        "Over banks whose concepts were fitted to labels.",
        (
            Line("concept_accuracy", "Each concept right"),
            Line("overall_concept_accuracy", "All concepts of an image right"),
        ),
    ),
    Question(
        "Do scores tell of other concepts than their own?",
        "Leakage, over banks with one concept for each label; low is good. Labels that go together "
        "tell of one another, which OIS takes off and NIS does not.",
        (Line("ois", "OIS, impurity"), Line("nis", "NIS, leakage")),
    ),
    Question(
        "Is what a map marks enough for its concept?",
        "Each image is shown again with only what the map of a concept marks; the tick is the same "
        "map shuffled. Little lost and much gained is good.",
        (
            Line("average_drop", "Average drop"),
            Line("average_gain", "Average gain"),
            Line("increase", "Increase"),
        ),
    ),
    Question(
        "Do the concepts that matter exist in the image?",
        "CEM: of the l concepts that add most to the predicted class (of several labels to each "
        "one said), the share that is there. A negative weight on a negative score argues from "
        "absence; there, absent is right.",
        (
            Line("cem", "CEM, l = 1", _cem(1)),
            Line("cem", "CEM, l = 3", _cem(3)),
            Line("cem", "CEM, l = 5", _cem(5)),
            Line("cem", "l = 5, correct images", _cem(5, images="correct")),
            Line("cem", "l = 5, positive evidence", _cem(5, "positive evidence")),
            Line("cem", "l = 5, double negatives", _cem(5, "double negative")),
            Line("cem", "l = 1, labels of classes", _cem(1, by_class=True)),
            Line("cem", "l = 3, labels of classes", _cem(3, by_class=True)),
            Line("cem", "l = 5, labels of classes", _cem(5, by_class=True)),
        ),
    ),
    Question(
        "Do they matter for the classes that show them?",
        "CGIM, mean over concepts: a concept's row over classes beside how often each class shows "
        "it. The Pearson forms cannot be won by rows that are merely positive.",
        tuple(
            Line(name, f"{label}, {compare}", (("compare", compare), ("v", "frequency")))
            for name, label in (
                ("cgim1", "Weights"),
                ("cgim2", "Scores"),
                ("cgim3", "Weights x scores"),
            )
            for compare in ("cosine", "pearson")
        ),
    ),
    Question(
        "Are they where they should be?",
        "CLM over the 5 concepts that add most: the share whose part's point is among the highest "
        "pixels of the map, as many as alpha parts of 12 cover. A concept without a part, or whose "
        "part is hidden, is a miss; the lines below it leave those out and rank only concepts that "
        "have a part.",
        (
            *(Line("clm", f"CLM, alpha = {alpha}", _clm(alpha, "l", "all")) for alpha in (1, 3, 6)),
            Line("placeless", "Of the 5, without a place", (("l", 5),)),
            *(
                Line("clm", f"parts in sight, alpha = {alpha}", _clm(alpha, "visible", "placed"))
                for alpha in (1, 3, 6)
            ),
        ),
    ),
    Question(
        "How much of a map lies on its part?",
        "Maps against masks, mean over the concepts of a bank whose part has masks.",
        tuple(
            Line(name, of(f"metric.{name}").title)
            for name in ("precision", "energy", "pointing", "iou", "dice")
        ),
    ),
)

ELSEWHERE = ("relevance", "insertion", "deletion", "average_drop", "average_gain", "increase")
"""metrics of the backbone that stand below the questions"""


def others(found: pd.DataFrame) -> list[Question]:
    """One more question, of what is stored and in none of QUESTIONS; none where that is nothing."""
    asked = {line.name for question in QUESTIONS for line in question.lines}
    below = (found["scope"] == "backbone") & found["name"].isin(ELSEWHERE)
    rows = found[~found["name"].isin(asked) & ~below]
    if rows.empty:
        return []
    lines = []
    for name, variant in rows[["name", "variant"]].drop_duplicates().itertuples(index=False):
        title, told = of(f"metric.{name}").title, settings(variant)
        label = title if told == NO_SETTINGS else f"{title}, {told}"
        lines.append(Line(name, label, tuple(json.loads(variant).items())))
    unknown = [name for name in dict.fromkeys(rows["name"]) if name not in METRICS]
    caption = "Stored, and in none of the questions above."
    if unknown:
        caption += f" Without a definition, so called by name: {plain(', '.join(unknown))}."
    return [Question("Other measures", caption, tuple(lines))]


KINDS = {"value": "", "chance": "\u2003chance", "control": "\u2003random directions"}
"""of a subject's rows in the table"""


def settings(variant: str) -> str:
    """A stored variant in a few words."""
    found = json.loads(variant)
    return ", ".join(f"{k} {v}" for k, v in found.items()) or NO_SETTINGS


def wide(found: pd.DataFrame, lines: list[Line]) -> pd.DataFrame:
    """One column a line of `lines`, by its label; below each subject its chance and control."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for line in lines:
        mine = found[(found["name"] == line.name) & (found["variant"] == line.variant)]
        for _, row in mine.iterrows():
            subject = str(row["subject"])
            for kind, title in KINDS.items():
                text = number(row[kind]) if pd.notna(row[kind]) else MISSING
                if kind == "value":
                    text += f" (n {int(row['n']):,})"
                own = rows.setdefault((subject, kind), {"": title or subject})
                own[line.label] = text
    kept = {key: own for key, own in rows.items() if {*own.values()} - {MISSING, own[""]}}
    order = sorted(kept, key=lambda key: list(KINDS).index(key[1]))
    subjects = list(dict.fromkeys(subject for subject, _ in rows))
    return pd.DataFrame([kept[key] for s in subjects for key in order if key[0] == s]).fillna(
        MISSING
    )
