"""Which scores a head's concepts usually take, and to what "present" and "absent" set them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float64, Int64

from app import address, db
from core.intervention import strategies
from core.intervention.strategies import STRATEGIES, TYPICAL, Levels
from core.kinds import TRAIN
from data.queries import edits, heads, images

MOST_CONCEPTS = 1500
"""of a head measured as a whole"""
MOST_IMAGES = 4000
"""measured on"""


def chosen() -> str:
    """The strategy that the address names."""
    given = address.param("u")
    return given if given in STRATEGIES else TYPICAL


def offered(n: int) -> list[dict[str, Any]]:
    """For the browser, what can be chosen where `n` train images were measured: key, title, about,
    and whether that is a value of train images."""
    return [
        {"key": key, "title": s.title, "about": s.about, "ofImages": s.of_images}
        for key, s in STRATEGIES.items()
        if n or not s.of_images or key == TYPICAL
    ]


def sentence(strategy: str, n: int) -> str:
    """For people: to what a concept is set, and on how many images that was measured."""
    asked = STRATEGIES[strategy]
    of = f" of the {n:,} train images that show it, or do not" if asked.of_images else ""
    return f"Present and absent set {asked.about}{of}."


def of(head_id: int, bank_id: int, columns: Int64[np.ndarray, " m"], *, n_columns: int) -> Levels:
    """Of some of a head's columns, in their order, over (at most 4,000) train images.

    All columns of a small head are measured once; of a large one, those asked for.
    """
    if n_columns <= MOST_CONCEPTS:
        return _some(_levels(head_id, bank_id, None), columns)
    return _levels(head_id, bank_id, tuple(columns.tolist()))


def _some(found: Levels, columns: Int64[np.ndarray, " m"]) -> Levels:
    parts = {f.name: getattr(found, f.name) for f in dataclasses.fields(found)}
    return Levels(**{k: v if k == "n" else v[..., columns] for k, v in parts.items()})


@db.cached(max_entries=16)
def fitted_on() -> Int64[np.ndarray, " n"]:
    """Ids of the train images, of all where there are none; at most 4,000, drawn with seed 0."""
    con = db.cursor()
    ids = images.image_ids(con, split=TRAIN)
    ids = (ids if len(ids) else images.image_ids(con)).astype(np.int64)
    if len(ids) <= MOST_IMAGES:
        return ids
    return np.sort(np.random.default_rng(0).choice(ids, MOST_IMAGES, replace=False))


@db.cached(max_entries=16, shared=True)
def _levels(head_id: int, bank_id: int, columns: tuple[int, ...] | None) -> Levels:
    con = db.cursor()
    facts = heads.concepts(con, head_id)
    ids = fitted_on()
    at = np.arange(len(facts)) if columns is None else np.array(columns, np.int64)
    concepts = facts["concept_id"].to_numpy(np.int64)[at]
    order = np.argsort(concepts, kind="stable")  # the queries want ids ascending
    scores = np.empty((len(ids), len(at)))
    scores[:, order] = heads.image_scores(con, bank_id, concepts[order], image_ids=ids)
    labels = np.empty_like(scores)
    labels[:, order] = edits.truth(con, bank_id, concepts[order], image_ids=ids, matched=True)
    # a concept that no label stands behind is present where it is active
    unnamed = ~facts["name_source"].iloc[at].isin(("label", "matched")).to_numpy()
    labels[:, unnamed] = scores[:, unnamed] > 0
    return strategies.levels(scores, labels)


def presets(
    at: Levels, scores: Float64[np.ndarray, "1 k"], columns: Int64[np.ndarray, " m"]
) -> dict[str, tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]]]:
    """Strategy -> what absent and present set, NaN where no image tells; `at` is of `columns`."""
    out = {}
    for name, strategy in STRATEGIES.items():
        row = scores if strategy.whole_row else scores[:, columns]
        absent, present = (
            np.broadcast_to(strategy.score(at, row, np.full(row.shape, wanted)), row.shape)[0]
            for wanted in (0.0, 1.0)
        )
        out[name] = (absent[columns], present[columns]) if strategy.whole_row else (absent, present)
    return out


def mark(value: float, *, low: float, high: float, lowest: float, highest: float) -> str:
    """ "off-distribution": no image of the store scores so; "unusual": few do; else ""."""
    if not lowest <= value <= highest:
        return "off-distribution"
    slack = 1e-4 * (highest - lowest)  # presets are rounded to four digits of the range
    return "unusual" if value < low - slack or value > high + slack else ""


def marks(at: Levels, facts: pd.DataFrame, columns: Mapping[int, float]) -> dict[int, str]:
    """The mark of every edited column; `at` is of the columns, in their order."""
    return {
        k: mark(
            value,
            low=at.low[i],
            high=at.high[i],
            lowest=facts["score_min"].iloc[k],
            highest=facts["score_max"].iloc[k],
        )
        for i, (k, value) in enumerate(columns.items())
    }
