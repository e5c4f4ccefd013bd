"""Is each concept one thing? Columns of the table `concept`."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from core.metrics import concept_quality, score_and_map
from precompute.banks import Codes, Description
from precompute.intake import Build
from precompute.quality.held_out import HeldOut

_BLOCK = 256
"""concepts judged at once"""


def measure_concepts(
    description: Description, codes: Codes, held: HeldOut, *, signed: bool
) -> None:
    """Adds the columns of `concept` that say whether each is one thing, its flags among them."""
    frame, build = description.concept, held.build
    parts = [
        _concepts(codes.scores[:, start : start + _BLOCK].toarray(), build)
        for start in range(0, codes.n_concepts, _BLOCK)
    ]
    for name in parts[0]:
        frame[name] = np.concatenate([part[name] for part in parts])
    n_known = int(known_rows(build).sum())
    frame["separability_n"] = pd.array([n_known or None] * len(frame), dtype="UInt32")
    groups, examples = description.tables["example_group"], description.tables["example"]
    top = groups[groups["name"] == "top"][["concept_id", "group_id"]].merge(examples)
    rows = dict(iter(top[top["score"] > 0].groupby("concept_id")["row"]))
    shown = [
        held.build.pooled[rows[j].to_numpy()] if j in rows else None for j in frame["concept_id"]
    ]
    alike = [math.nan if p is None else concept_quality.mean_cosine(p) for p in shown]
    frame["monosemanticity"] = alike
    frame["monosemanticity_chance"] = np.where(np.isnan(alike), math.nan, held.likeness)
    frame["monosemanticity_n"] = pd.array([0 if p is None else len(p) for p in shown], "UInt32")
    _put_agreement(frame, codes, build)
    grid = build.grid
    frame["border_share"], frame["place_share"] = concept_quality.places(
        codes.sums["magnitudes"], grid
    )
    near = description.tables["neighbour"]
    first = near[(near["kind"] == "cosine") & (near["rank"] == 0)].set_index("concept_id")
    frame["nearest_cosine"] = first["value"].reindex(frame["concept_id"]).to_numpy()
    odd = concept_quality.flags(
        concept_quality.Facts(
            **{of.name: frame[of.name].to_numpy() for of in fields(concept_quality.Facts)}
        ),
        signed=signed,
        n_classes=len(np.unique(build.class_of[build.class_of >= 0])),
        border_counts=concept_quality.border_counts(grid),
    )
    frame["flags"] = [", ".join(names) for names in odd]


def _concepts(scores: Float[np.ndarray, "n k"], build: Build) -> dict[str, np.ndarray]:
    skew, kurtosis = concept_quality.shape(scores)
    class_share, image_share = concept_quality.shares(scores, build.class_of)
    return {
        "skew": skew,
        "kurtosis": kurtosis,
        "class_share": class_share,
        "image_share": image_share,
        **dict(zip(("separability", "separability_chance"), separable(scores, build), strict=True)),
        **_labels(scores[build.held_out], build),
    }


def known_rows(build: Build) -> Bool[np.ndarray, " m"]:
    """Which of the held-out images have a class, or some label of several that is known."""
    if build.targets is not None:
        return ~np.isnan(build.targets.y[build.held_out]).all(1)
    return build.class_of[build.held_out] >= 0


def separable(
    scores: Float[np.ndarray, "n k"], build: Build
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """How far held-out scores of classes lie apart, and the same with the classes shuffled.

    Of several labels those of images with and without each, mean over labels.
    """
    known = build.held_out[known_rows(build)]
    order = np.random.default_rng(build.seed).permutation(len(known))
    if build.targets is not None:
        y, among = build.targets.y[known], concept_quality.label_separability
        return among(scores[known], y)[0], among(scores[known], y[order])[0]
    classes, distance = build.class_of[known], concept_quality.separability
    return (
        distance(scores[known], classes, seed=build.seed),
        distance(scores[known], classes[order], seed=build.seed),
    )


def _labels(held_out: Float[np.ndarray, "m k"], build: Build) -> dict[str, np.ndarray]:
    nothing = np.full(held_out.shape[1], np.nan)
    value, chance, n = nothing, nothing, 0
    if build.labels is not None and len(held_out):
        y = build.labels.test
        value, n = concept_quality.label_separability(held_out, y)
        order = np.random.default_rng(build.seed).permutation(len(y))
        chance, _ = concept_quality.label_separability(held_out, y[order])
    return {
        "label_separability": value,
        "label_separability_chance": chance,
        "label_separability_n": np.where(np.isnan(value), np.nan, n),
    }


def _put_agreement(frame: pd.DataFrame, codes: Codes, build: Build) -> None:
    """How far scores go along with the means of maps, where they are not read from these."""
    names = ("map_r", "map_r_lo", "map_r_hi", "map_r_chance")
    if codes.pool != "cls":
        frame[[*names]] = math.nan
        frame["map_r_n"] = pd.array([None] * len(frame), dtype="UInt32")
        return
    rows = build.held_out if len(build.held_out) else np.arange(codes.n_images)
    scores, means = codes.scores[rows], codes.means[rows]
    found = [
        score_and_map.agreement(scores[:, ids].toarray(), means[:, ids].toarray(), seed=build.seed)
        for ids in (
            slice(start, min(start + _BLOCK, codes.n_concepts))
            for start in range(0, codes.n_concepts, _BLOCK)
        )
    ]
    for name, parts in zip(names, zip(*found, strict=True), strict=True):
        frame[name] = np.concatenate(parts)
    frame["map_r_n"] = pd.array([len(rows)] * len(frame), dtype="UInt32")
