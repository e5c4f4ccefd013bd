"""The columns of the leaderboard: what defines each, and which stand together."""

from __future__ import annotations

from dataclasses import replace

from app.format import plain, short
from core import catalogue
from core.catalogue import Definition
from data.queries.leaderboard import IN_MASKS

FIDELITY = ("C-insertion", "C-deletion", "C-muFidelity")
TIMES = ("total", "fit", "maps", "description", "quality", "heads", "rest")
HEADS, HELD_OUT, OTHER = "Heads", "on the first held-out split", "Other"
ON = {"on": "accuracy.head", "auc on": "label_mean.auc", "ap on": "label_mean.ap"}
"""first words of a head's measures on a split, and what defines them"""
GROUPS: dict[str, tuple[str, ...]] = {
    "Summary": (
        "r2",
        "stability_split",
        "named",
        "name_auc",
        "C-deletion",
        "mask precision",
        HELD_OUT,
        "time total",
    ),
    "Reconstruction": ("r2", "promised_r2", "relative_l2", "wasserstein", "ood", "readout"),
    "Codes": ("l0", "promised_l0", "hoyer", "dead"),
    "Directions": (
        "coherence_max",
        "coherence_mean",
        "effective_rank",
        "stability_seed",
        "stability_split",
    ),
    "Meaning": (
        "named",
        "word_named",
        "word_agreement",
        "name_auc",
        "separability",
        "monosemanticity",
    ),
    "Localisation": ("iou", *(f"mask {name}" for name in IN_MASKS)),
    "Fidelity": FIDELITY,
    HEADS: (),
    "Build time": tuple(f"time {part}" for part in TIMES),
    OTHER: (),
}
"""measures that are shown together; HELD_OUT stands for a head's on one split, HEADS for those on
all, OTHER for those of no other group"""


def column(measure: str) -> Definition:
    """Of a `measure` of `leaderboard.figures`; one without a definition is called by its name."""
    for start, defined in ON.items():
        if measure.startswith(f"{start} "):
            return _on_split(catalogue.of(defined), measure.removeprefix(f"{start} "))
    kind, _, name = measure.partition(" ")
    if kind == "mask" and name:
        return _of_maps(name)
    if kind == "time" and name:
        return catalogue.of(f"stage.{name}")
    if measure in FIDELITY:
        return _of_head(catalogue.of(f"fidelity.{measure}"))
    return catalogue.of(f"quality.{measure}")


def _on_split(known: Definition, split: str) -> Definition:
    return replace(
        known,
        short=f"{known.short} {short(split, 16)}",
        meaning=f"{known.meaning} The split: {plain(split)}.",
    )


def _of_maps(name: str) -> Definition:
    known = catalogue.of(f"metric.{name}")
    return replace(
        known,
        short=f"{known.title} of maps" if name == "iou" else known.title,
        meaning=f"{known.meaning} The mean over concepts, 0 to 1.",
        n_of="concepts whose part has masks",
    )


def _of_head(known: Definition) -> Definition:
    return replace(
        known,
        meaning=f"{known.meaning} Of the head that reads the bank; its exact importances, weight "
        "times score.",
    )
