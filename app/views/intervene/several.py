"""All images of a multi-label set as a head sees them, and which labels it says they show."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from jaxtyping import Float64

from app import db
from app.views.intervene import head_lab
from data.queries import carried


class Base(NamedTuple):
    """All images of a multi-label set, before any edit."""

    rows: pd.DataFrame
    """image_id and split"""
    logits: Float64[np.ndarray, "n y"]
    y: Float64[np.ndarray, "n y"]
    """1 shown, 0 absent, NaN unknown, by row of the head"""


@db.cached(max_entries=4, shared=True)
def base(head_id: int) -> Base:
    """Shared between sessions, so only to be read."""
    con = db.cursor()
    loaded, _ = head_lab.load(head_id)
    found = carried.logits(con, head_id)
    logits = np.stack([np.asarray(row, dtype=np.float64) for row in found["logit"]])
    marks = carried.marks(con)
    marks = marks[marks["class_id"].isin(loaded.class_ids)]
    y = np.full(logits.shape, np.nan)
    at = np.searchsorted(found["image_id"].to_numpy(), marks["image_id"].to_numpy())
    y[at, np.searchsorted(loaded.class_ids, marks["class_id"])] = marks["present"].astype(float)
    return Base(found[["image_id", "split"]], logits, y)


def thresholds(head_id: int) -> Float64[np.ndarray, " y"]:
    """Probabilities from which on labels are said to be there, by row of the head."""
    loaded, _ = head_lab.load(head_id)
    found = head_lab.thresholds(head_id)
    return np.array([found[int(c)].value for c in loaded.class_ids])
